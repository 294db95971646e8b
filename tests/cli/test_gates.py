"""``gatekit gates-report`` over written run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compare.probing import probe_study
from compare.synthetic import configuration, write_run, write_study
from seams import EXIT_REFUSED, main


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = write_study(tmp_path / "experiments", {"lstm": [8.6, 8.65, 8.7], "gru": [8.5, 8.4, 8.6]})
    probe_study(runs, 0.9)
    return runs


def test_two_tables_that_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gates-report", "demo"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == "study demo: gates and states"
    assert all(len(line) <= 100 for line in lines)
    assert "\x1b" not in text
    assert all(len(line) <= 80 for line in lines)
    assert lines.count("lstm (n = 3)") == lines.count("gru (n = 3)") == 2
    assert any(line.split()[0] == "input" for line in lines if line)
    assert "0.0 \N{PLUS-MINUS SIGN} 0.0 %" in text
    assert any("memory (steps)" in line for line in lines)


def test_json_has_every_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gates-report", "demo", "--json", "--by", "cell"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [v["group"] for v in data["variants"]] == ["lstm", "gru"]
    lstm = data["variants"][0]
    forget = next(g for g in lstm["gates"] if g["gate"] == "forget")
    assert forget["mean_low"] < forget["mean"] < forget["mean_high"]
    assert len(lstm["runs"]) == 3
    looks = lstm["runs"][0]["looks"]
    assert [look["epoch"] for look in looks] == list(range(11))
    memory = next(s for s in looks[-1]["states"] if s["state"] == "c")["memory"]
    assert memory == sorted(memory)


def test_figures(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gates-report", "demo", "--figure", "all.svg"]) == 0
    assert main(["gates-report", "demo", "--figure", "one"]) == 0
    assert {p.name for p in Path().glob("*.*")} == {"all.svg", "one.png", "one.svg"}
    assert "figure: one.svg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo", "--figure", "a.gif"], "the formats of figures are png"),
        (["demo", "--figure", "a.png", "--layer", "x"], "no recurrent layer"),
        (["dem"], "demo"),
        (["demo", "--by", "nothing"], "nothing"),
    ],
)
def test_mistakes_are_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gates-report", *words]) == EXIT_REFUSED
    assert said in capsys.readouterr().err


def test_rows_can_be_told_apart_chosen_and_renamed(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "a cell whose name is longer than one column of any table could be, and goes on"
    for folder, suffix in zip(sorted(runs.iterdir())[:2], ("one", "two"), strict=True):
        changed = configuration("lstm", int(suffix == "two"), cell__name=f"{long} {suffix}")
        new = write_run(runs, changed, 8.6)
        (new / "probe.jsonl").write_bytes((folder / "probe.jsonl").read_bytes())
    assert main(["gates-report", "demo"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    shown = " ".join(text.split())
    assert f"{long} one (n = 1)" in shown
    assert f"{long} two (n = 1)" in shown
    assert main(["gates-report", "demo", "--where", "cell=lstm", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [variant["group"] for variant in data["variants"]] == ["lstm"]
