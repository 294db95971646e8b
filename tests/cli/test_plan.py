"""What ``gatekit plan`` prints, once for what is alike in all variants, and its exit code."""

import json
from pathlib import Path

import pytest
from seams import Preview, VariantPreview, _text, main


def shown(capsys: pytest.CaptureFixture[str], *decays: dict[str, list[str]] | None) -> str:
    trials = [
        VariantPreview(f"cell=c{k}", 4, 10, todo=1, weight_decay=decay)
        for k, decay in enumerate(decays)
    ]
    _text(Preview("mine", trials, [], 1))
    return capsys.readouterr().out


def test_what_decays_is_one_line_for_all_variants(capsys: pytest.CaptureFixture[str]) -> None:
    first = {
        "decayed": ["block_0/rnn_0/forget.x", "block_1/rnn_1/forget.x", "head/kernel"],
        "left_out": ["block_0/norm/scale", "head/bias"],
    }
    second = {"decayed": ["block_0/rnn_0/update.x", "head/kernel"], "left_out": ["head/bias"]}
    lines = " ".join(shown(capsys, first, second).splitlines())
    assert (
        "Weight decay on block_*/rnn_*/forget.x, head/kernel, block_*/rnn_*/update.x; "
        "not on block_*/norm/scale, head/bias." in lines
    )
    assert lines.count("Weight decay") == 1


def test_variants_that_differ_have_their_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    some, none = (
        {"decayed": ["head/kernel", "head/bias"], "left_out": []},
        {"decayed": [], "left_out": ["head/kernel", "head/bias"]},
    )
    out = shown(capsys, some, none, some)
    assert out.count("Weight decay on") == 2
    assert "Weight decay on head/kernel, head/bias.\n" in out
    assert "Weight decay on no weight; not on head/kernel, head/bias.\n" in out


def test_without_weight_decay_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, None)
    assert "decay" not in out
    assert "would start 1 run of study mine, 1 at a time." in out


def test_what_a_gate_adds_is_shown_against_the_smallest_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["-m", "cell=lstm", "swap.forget=power_law,sigmoid", "task=adding", "units=4,5"]
    assert main(["plan", "--list", "--json", *words]) == 0
    trials = json.loads(capsys.readouterr().out)["trials"]
    more = {(trial["units"], "sigmoid" in trial["label"]): trial["added"] for trial in trials}
    assert more[4, True] is more[5, True] is None
    for units in (4, 5):
        added = more[units, False]
        assert added["to"] == f"cell=lstm swap.forget=sigmoid task=adding units={units}"
        assert added["parameters"] == added["state"] == units
        assert added["flops"] > 0
    _text(Preview("mine", [VariantPreview(**trial) for trial in trials], [], 1))
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "swap.forget=power_law units=5 adds to swap.forget=sigmoid units=5: +5 parameters, "
        "+5 numbers of state, +" in text
    )


@pytest.mark.parametrize(("cells", "code"), [("lstm", 0), ("lstm,rnn", 1)])
@pytest.mark.parametrize("how", ["--json", "--list"])
def test_a_broken_variant_ends_the_command_with_one(
    cells: str, code: int, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["-m", f"cell={cells}", "task=adding", "swap.input=power_law"]
    assert main(["plan", *dict.fromkeys(["--list", how]), *words]) == code
