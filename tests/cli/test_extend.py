"""``gatekit extend`` and ``gatekit.extend``: what they pass on, print and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from compare.synthetic import write_study
from refused import at
from seams import interim_file as file
from seams import main, more_seeds

import gatekit
from gatekit import ConfigError, RunError

VALUES = {"lstm": [9.0 + 0.01 * k for k in range(10)], "gru": [8.0 - 0.02 * k for k in range(10)]}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Write a study of ten seeds, and let its sweep make nothing; return what was asked."""
    monkeypatch.chdir(tmp_path)
    write_study(Path("experiments"), VALUES)
    asked: dict[str, Any] = {"code": 0}

    def extension(*arguments: Any) -> tuple[Any, int]:
        asked["arguments"] = arguments
        return None, 10

    def made(plan: Any, show: Any, stream: Any) -> int:
        if asked["code"]:
            show("FAILED gru seed=3: no reason")
        return int(asked["code"])

    monkeypatch.setattr(more_seeds, "extension", extension)
    monkeypatch.setattr(more_seeds, "first_seeds", lambda plan, seeds: plan)
    monkeypatch.setattr(more_seeds, "run_plan", made)
    return asked


def test_a_study_is_extended_until_decided(
    study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extend", "demo", "n_jobs=2", "--until-decided", "--most", "20"]) == 0
    text = capsys.readouterr().out
    assert "look 1: 10 of at most 20 seeds, alpha spent 0.0056; 1 of 1 differences decided" in text
    assert "gru: better, p = 0.002" in text
    assert text.endswith("Every difference is decided.\nNow type: gatekit compare demo\n")
    typed = "gatekit extend demo n_jobs=2 --until-decided --most 20"
    assert study["arguments"] == ("demo", "experiments", 20, ["n_jobs=2"], typed, False)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("how", [["--seeds", "12"], ["--until-decided", "--most", "12"]])
def test_a_configuration_is_trusted_only_if_that_is_typed(
    study: dict[str, Any], how: list[str], trusted: bool
) -> None:
    assert main(["extend", "demo", *how, *["--trust-config"] * trusted]) == 0
    name, root, seeds, words, _, passed = study["arguments"]
    assert (name, root, seeds, words, passed) == ("demo", "experiments", 12, [], trusted)


def test_json_has_the_looks_and_nothing_else_on_stdout(
    study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extend", "demo", "--until-decided", "--most", "20", "--json"]) == 0
    out = capsys.readouterr()
    data = json.loads(out.out)
    assert data["code"] == 0
    assert data["looks"]["seeds"] == [10]
    assert data["looks"]["decisions"] == {"gru": "better"}
    assert "look 1" in out.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "either --until-decided or --seeds N"),
        (["--until-decided", "--seeds", "9"], "either --until-decided or --seeds N"),
        (["--seeds", "9", "--by", "units"], "by"),
        (["--seeds", "9", "--step", "2"], "--step belongs to --until-decided"),
        (["--seeds", "0"], "--seeds"),
        (["--until-decided"], "most"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    study: dict[str, Any], words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extend", "demo", *words]) == 2
    assert error in capsys.readouterr().err


def test_failed_runs_end_the_command_without_a_look(
    study: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    study["code"] = 1
    assert main(["extend", "demo", "--until-decided", "--most", "20"]) == 1
    assert "FAILED gru seed=3" in capsys.readouterr().out
    assert file.read(Path("experiments/demo")) is None


def test_python_has_the_same(study: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    found = gatekit.extend("demo", most=20, where=("cell=lstm,gru",))
    assert "<table>" in found._repr_html_()
    looks = file.read(Path("experiments/demo"))
    assert looks is not None
    assert looks.asked == {"where": ["cell=lstm,gru"]}
    # The command line goes on with what Python began.
    again = ["extend", "demo", "--until-decided", "--where", "cell=lstm,gru"]
    assert main(again) == 0
    with pytest.raises(ConfigError, check=at("margin")):
        gatekit.extend("demo", most=20, margin=0.1)
    with pytest.raises(ConfigError, check=at("margin")):
        gatekit.compare("demo", margin=0.1)
    with pytest.raises(ConfigError, match="either seeds=N or most=N"):
        gatekit.extend("demo", most=20, seeds=12)


@pytest.mark.parametrize(("code", "kind"), [(1, RunError), (130, KeyboardInterrupt)])
def test_python_raises_what_the_command_returns(
    study: dict[str, Any], code: int, kind: type[BaseException]
) -> None:
    study["code"] = code
    with pytest.raises(kind):
        gatekit.extend("demo", most=20)
