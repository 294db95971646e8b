"""``gatekit report`` over written run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compare.synthetic import configuration, write_run, write_study
from refused import at
from seams import EXIT_REFUSED, main

import gatekit
from gatekit import ConfigError

VALUES = {"rnn": [9.01, 8.97, 9.03], "lstm": [8.64, 8.66, 8.62], "gru": [8.75, 8.78, 8.71]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", VALUES)
    return tmp_path


def test_the_page_lies_where_the_command_says(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "demo"]) == 0
    assert capsys.readouterr().out == "demo.html\n"
    assert main(["report", "demo", "--to", "a/b.html", "--baseline", "rnn"]) == 0
    other = (here / "a" / "b.html").read_text(encoding="utf-8")
    assert "gatekit report demo --baseline rnn" in other
    assert "difference from rnn" in other


def test_what_is_compared_is_chosen_as_with_compare(here: Path) -> None:
    for seed in range(3):
        for cell, value in (("lstm", 8.5), ("gru", 8.4)):
            config = configuration(cell, seed, units=128)
            write_run(here / "experiments/demo/runs", config, value + seed / 100)
    assert main(["report", "demo", "--x", "units"]) == 0
    html = (here / "demo.html").read_text(encoding="utf-8")
    assert "Over units" in html
    assert "gatekit compare demo --x units" in html
    assert "[low, high] is the 95 % t interval over seeds" in html
    assert main(["report", "demo", "--by", "cell", "--to", "by.html"]) == 0
    assert "pooled over units" in (here / "by.html").read_text(encoding="utf-8")


def test_a_cost_is_typed_again(here: Path) -> None:
    assert main(["report", "demo", "--over", "seconds"]) == 0
    html = (here / "demo.html").read_text(encoding="utf-8")
    assert "gatekit report demo --over seconds" in html
    assert gatekit.report("demo", "python.html", over="seconds").read_text() == html
    with pytest.raises(ConfigError, check=at("over")):
        gatekit.report("demo", over="hours")


def test_without_an_outcome_it_is_written_and_the_exit_code_says_so(here: Path) -> None:
    (here / "experiments" / "empty" / "runs").mkdir(parents=True)
    assert main(["report", "empty"]) == 1
    assert "has no runs" in (here / "empty.html").read_text(encoding="utf-8")
    write_run(here / "experiments/bad/runs", configuration(), state="FAILED", reason="no luck")
    assert main(["report", "bad"]) == 1
    assert "no luck" in (here / "bad.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "'nothing'"),
        (["demo", "--to", "page.pdf"], "a .html file is expected"),
        (["demo", "--by", "unit"], "'unit'"),
    ],
)
def test_mistakes_are_told(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["report", *arguments]) == EXIT_REFUSED
    assert said in capsys.readouterr().err
    assert not list(here.glob("*.html"))


def test_runs_that_were_asked_for_and_have_not_begun_are_counted(here: Path) -> None:
    words = {"label": "lstm", "words": [], "origin": ""}
    plan = {"schema": 1, "command": "gatekit train -m", "runs": [{"id": "ab" * 8, **words}]}
    (here / "experiments" / "demo" / "plan-1.json").write_text(json.dumps(plan))
    assert main(["report", "demo"]) == 0
    assert "1 more is planned" in (here / "demo.html").read_text(encoding="utf-8")


def test_a_plugin_file_lets_its_cell_be_typeset(here: Path) -> None:
    source = '''
from gatekit import Gate, hookimpl, ops

class Halved(Gate):
    """A gate.

    Reference: none
    """

    def activate(self, pre):
        return ops.sigmoid(pre) / 2

@hookimpl
def gatekit_gates():
    return {"halved_for_a_test": Halved}
'''
    (here / "halved.py").write_text(source)
    gate = {"kind": "halved_for_a_test"}
    for seed in range(2):
        config = configuration("gru", seed, cell__name="halved", cell__gates__forget=gate)
        config["cell"]["equations"] = {"h": "forget * h_prev + update * candidate"}
        config["cell"]["roles"] = {"forget": "forget"}
        write_run(here / "experiments/own/runs", config, 8.5)
    assert main(["report", "own"]) == 0
    assert "Only the configuration of this cell" in (here / "own.html").read_text(encoding="utf-8")
    assert main(["report", "own", "--plugin", "halved.py"]) == 0
    html = (here / "own.html").read_text(encoding="utf-8")
    assert "Only the configuration of this cell" not in html
    assert "<mfrac>" in html
