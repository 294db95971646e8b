"""A comparison on another split: further test sets, validation, and studies that lack one."""

from __future__ import annotations

from pathlib import Path

import pytest
from seams import Score
from seams import compare_runs as compare
from seams import load_runs as load

from .synthetic import configuration, write_run, write_study

METRIC = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.5}


def score(test: float, long: float | None) -> dict[str, object]:
    splits = {"test_100": test - 0.01, "test_256": long}
    return {"epoch": 1, "validation": 0.9, "test": test, "splits": splits}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two cells that are equal at trained lengths, and far apart at length 256."""
    for cell, long in (("lstm", 0.99), ("rnn", 0.51)):
        for seed in range(3):
            one = score(0.95 + seed / 100, long + seed / 1000)
            write_run(
                tmp_path / "demo" / "runs",
                configuration(cell, seed),
                validation=[0.9],
                metric=METRIC,
                best=one,
                last=one,
            )
    return tmp_path


def test_the_test_set_stays_the_primary_one(study: Path) -> None:
    rows = {row.group.label: row for row in compare("demo", study).rows}
    assert rows["lstm"].summary is not None
    assert (rows["lstm"].summary.split, rows["lstm"].summary.values[0]) == ("test", 0.95)
    assert rows["rnn"].difference is not None
    assert rows["rnn"].difference.mean == 0


def test_a_further_test_set_is_compared_where_it_is_asked_for(study: Path) -> None:
    rows = {row.group.label: row for row in compare("demo", study, split="test_256").rows}
    assert rows["rnn"].summary is not None
    assert rows["rnn"].summary.split == "test_256"
    assert rows["rnn"].summary.mean == pytest.approx(0.511)
    assert rows["rnn"].difference is not None
    assert rows["rnn"].difference.mean == pytest.approx(-0.48)


def test_rows_hold_further_test_sets_under_their_names(study: Path) -> None:
    rows = load("demo", study).rows()
    assert {row["test_256"] for row in rows if row["cell"] == "lstm"} == {0.99, 0.991, 0.992}
    assert [row["test_100"] for row in rows] == [row["test"] - 0.01 for row in rows]


def test_validation_that_was_asked_for_is_not_excused(study: Path) -> None:
    comparison = compare("demo", study, split="validation")
    assert not any("no test score" in note for note in comparison.notes)
    assert all(row.summary and row.summary.mean == 0.9 for row in comparison.rows)


def test_a_diverged_run_is_the_worst_on_every_split(study: Path) -> None:
    write_run(study / "demo" / "runs", configuration("rnn", 3), state="DIVERGED", metric=METRIC)
    rows = {row.group.label: row for row in compare("demo", study, split="test_256").rows}
    assert rows["rnn"].summary is not None
    assert (rows["rnn"].summary.diverged, rows["rnn"].summary.mean) == (1, None)


def test_a_result_of_an_older_gatekit_has_no_further_test_sets(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    (run,) = load("demo", tmp_path).runs
    assert run.result is not None
    assert run.result.best is not None
    assert run.result.best.further == {}


def test_a_number_that_is_none_is_not_compared() -> None:
    found = Score(3, 0.5, 0.6, {"test_9": None})
    assert (found.on("validation"), found.on("test"), found.on("test_9")) == (0.5, 0.6, None)
