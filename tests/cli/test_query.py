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


def test_a_table_that_is_too_wide_becomes_a_block_for_each_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["query", "select * from runs limit 2", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert main(["query", "select * from runs limit 2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [place for place, line in enumerate(lines) if " row " in line]
    assert len(heads) == 2
    for record, block in zip(records, (lines[: heads[1]], lines[heads[1] :]), strict=True):
        cells = {line.split()[0]: line.split()[1:] for line in block[1:] if line.strip()}
        for name, value in record.items():
            if isinstance(value, str | int) and name != "data_hash":
                assert cells[name] == [str(value)]
        assert "".join(line.strip().split(" ")[-1] for line in block).count("ab" * 32) <= 1
    assert main(["query", SQL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["study", "cell", "nll"]
    assert lines[2].split()[:2] == ["one", "lstm"]


def test_nothing_of_a_long_value_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select repeat('abcdefghij', 30) as long, 1 as n"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join(line.split()[-1] for line in lines[1:-1]) == "abcdefghij" * 30
    assert main(["query", "select run from runs where seed = 99"]) == 0
    assert capsys.readouterr().out.split() == ["run", "\u2500\u2500\u2500"]


def test_conditions_choose_runs_in_all_studies(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select study, cell from runs order by 1, 2"
    assert main(["query", sql, "--where", "cell=gru,rnn", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [record["cell"] for record in found] == ["gru", "rnn"]
    assert main(["query", sql, "--where", "cell=lsmt"]) == EXIT_REFUSED
    assert "did you mean 'lstm'?" in capsys.readouterr().err


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
