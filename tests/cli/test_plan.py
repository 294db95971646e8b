"""What ``gatekit plan`` says that a gate adds, and its exit code."""

import json
from pathlib import Path

import pytest
from seams import main


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


@pytest.mark.parametrize(("cells", "code"), [("lstm", 0), ("lstm,rnn", 1)])
@pytest.mark.parametrize("how", ["--json", "--list"])
def test_a_broken_variant_ends_the_command_with_one(
    cells: str, code: int, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["-m", f"cell={cells}", "task=adding", "swap.input=power_law"]
    assert main(["plan", *dict.fromkeys(["--list", how]), *words]) == code


@pytest.mark.parametrize(
    ("typed", "given", "in_file"),
    [
        ([], "levelld", True),
        (["swap.input=sigmoid"], "levelld", True),
        (["swap.forget=levelled,leveled"], "levelled", False),
        (["swap.forget=levelld"], "levelld", False),
        (["swap={forget:levelled}"], "levelled", False),
        (["+swap.forget=levelled"], "levelled", False),
    ],
)
def test_the_line_of_a_swept_value_is_named_unless_it_was_typed_over(
    typed: list[str],
    given: str,
    in_file: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conf/experiment").mkdir(parents=True)
    lines = ["# @package _global_", "hydra:", "  sweeper:", "    params:", "      cell: lstm"]
    Path("conf/experiment/floors.yaml").write_text(
        "\n".join([*lines, "      swap.forget: levelld,leveld", ""])
    )
    assert main(["plan", "--list", "-m", "experiment=floors", *typed]) == 2
    says = capsys.readouterr().err
    assert ("floors.yaml, line 6: " in says) == in_file
    assert f"swap.forget='{given}'" in says
