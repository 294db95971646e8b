"""``gatekit query`` over written run folders."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from compare.synthetic import write_study

from gatekit.cli.main import EXIT_REFUSED, main

SQL = "select study, cell, avg(test_nll) as nll from runs group by 1, 2 order by 3"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path / "experiments", {"lstm": [8.6, 8.7], "gru": [8.8]}, "one")
    write_study(tmp_path / "experiments", {"rnn": [9.0]}, "two")
    return tmp_path


def test_all_studies_are_asked_unless_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", SQL, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["study"], r["cell"]) for r in rows] == [
        ("one", "lstm"),
        ("one", "gru"),
        ("two", "rnn"),
    ]
    assert main(["query", SQL, "--study", "two", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"study": "two", "cell": "rnn", "nll": 9.0}]


def test_csv_starts_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select '=1+1' as \"=a\", -2.5 as b", "--csv"]) == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        ["'=a", "b"],
        ["'=1+1", "-2.5"],
    ]


def test_the_table_fits_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select * from runs"]) == 0
    assert main(["query", SQL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("lstm" in line for line in lines)


def test_long_answers_are_shortened_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select range from range(250)"]) == 0
    shown, said = capsys.readouterr()
    assert "199" in shown
    assert "249" not in shown
    assert "and 50 more rows" in said


def test_a_refusal_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select sell from runs"]) == EXIT_REFUSED
    assert "the query was refused" in capsys.readouterr().err
    assert main(["query", "drop table runs"]) == EXIT_REFUSED
    assert "a query must be one SELECT" in capsys.readouterr().err
