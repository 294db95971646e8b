"""``gatekit why`` over written run folders."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from compare.synthetic import configuration, write_run, write_study
from seams import EXIT_REFUSED, main


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = write_study(tmp_path / "experiments", {"lstm": [8.6, 8.65, 8.7]})
    for seed in range(3):
        write_run(runs, configuration("lstm", seed, units=128), 8.5 + seed / 50)
    return tmp_path


def test_the_text_says_what_differs_and_what_seeds_explain(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["why", "demo/units=64", "demo/units=128"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demo/units=64 -> demo/units=128"
    assert "  units  64 -> 128" in lines
    assert any(line.startswith("seeds alone cause a difference of 0.0") for line in lines)


def test_a_study_alone_is_answered_with_two_groups_as_they_are_typed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = root / "experiments" / "demo" / "runs"
    for seed in range(3):
        config = configuration("lstm", seed, units=128, optimizer={"learning_rate": 0.1})
        write_run(runs, config, 8.0)
    assert main(["why", "demo", "demo"]) == EXIT_REFUSED
    words = shlex.split(capsys.readouterr().err.partition("such as ")[2])
    assert len(words) == 2
    assert main(["why", *words]) == 0


def test_a_run_is_given_by_its_folder_too(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sorted((root / "experiments" / "demo" / "runs").iterdir())[:2]
    short = f"experiments/demo/runs/{second.name[:6]}"
    for one in (str(first), f"{first.relative_to(root)}/"):
        assert main(["why", one, short]) == 0
        assert capsys.readouterr().out.startswith(f"demo/{first.name} -> demo/runs/")
    monkeypatch.chdir(first)  # where there is no folder experiments
    assert main(["why", str(first), str(second)]) == 0
    assert main(["why", "experiments/demo/units=64", str(second)]) == EXIT_REFUSED
    monkeypatch.chdir(root)
    assert main(["why", "experiments/demo/units=64", second.name]) == 0


def test_json_and_nothing_that_differs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "demo/units=64", "demo/units=128", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["configuration"] == [{"key": "units", "first": "64", "second": "128"}]
    assert data["spread"]["difference"] == pytest.approx(-0.13)
    assert main(["why", "demo/units=64", "demo/units=64"]) == 0
    assert "no recorded setting differs" in capsys.readouterr().out


def test_a_selection_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "demo/units=64", "demo/units=12"]) == EXIT_REFUSED
    assert "did you mean 'units=128'?" in capsys.readouterr().err
