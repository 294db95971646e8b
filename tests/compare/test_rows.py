"""The tidy table: one row a run, the same columns in each, and other origins beside one's own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from seams import compare_runs as compare
from seams import load_runs as load
from seams import studies

import gatekit
from gatekit import ConfigError, RunError, run

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN


def test_a_row_holds_outcome_cost_and_settings(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM}, units=32)
    write_run(tmp_path / "demo" / "runs", configuration("rnn", 4), state="FAILED", reason="killed")
    rows = gatekit.load("demo", tmp_path).rows()
    assert len({tuple(row) for row in rows}) == 1
    best = next(row for row in rows if row["seed"] == 1)
    assert (best["study"], best["cell"], best["task"]) == ("demo", "lstm", "jsb_music21")
    assert (best["test"], best["test_nll"], best["state"]) == (LSTM[1], LSTM[1], "COMPLETED")
    assert best["val_nll"] == best["validation"] == pytest.approx(LSTM[1] + 0.05, abs=0.03)
    assert (best["units"], best["optimizer.learning_rate"]) == (32, 0.01)
    assert (best["parameters"], best["step_seconds"], best["origin"]) == (100488, 0.021, None)
    failed = next(row for row in rows if row["seed"] == 4)
    assert (failed["state"], failed["reason"], failed["test"]) == ("FAILED", "killed", None)


def test_a_setting_that_is_called_like_a_fact_keeps_apart(tmp_path: Path) -> None:
    with run("mine", {"test": "hard", "task": "own"}, 0, root=tmp_path) as this:
        this.log(1, val=0.5, test=0.6)
    (row,) = load("mine", tmp_path).rows()
    assert (row["test"], row["config.test"], row["task"]) == (0.6, "hard", "own")


def test_pandas_holds_the_rows(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    write_study(tmp_path, {"lstm": LSTM})
    write_run(tmp_path / "demo" / "runs", configuration("rnn", 0, units="wide"), 9.0)
    study = load("demo", tmp_path)
    frame = study.to_pandas()
    assert frame.groupby("cell")["test"].mean()["lstm"] == pytest.approx(sum(LSTM) / 3)
    assert list(frame.columns) == list(study.rows()[0])
    assert [*frame["units"]].count(64) == 3
    assert str(frame["seed"].dtype) == "int64"


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        load("demo", tmp_path).to_pandas()


def test_an_empty_study_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "demo" / "runs").mkdir(parents=True)
    assert load("demo", tmp_path).rows() == []


def test_imported_runs_stand_beside_ones_own(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    theirs = {"lstm": [value + 1 for value in LSTM], "rnn": RNN}
    runs = write_study(tmp_path / "lab", theirs)
    shutil.copytree(runs, tmp_path / "demo" / "imported" / "lab" / "runs")
    study = load("demo", tmp_path)
    assert (len(study.runs), len(study.copies)) == (9, 3)  # three are equal on both sides
    assert {one.origin for one in study.runs} == {None, "lab"}
    comparison = compare("demo", tmp_path)
    labels = {row.group.label for row in comparison.rows}
    assert labels == {"lstm", "lstm origin=lab", "rnn"}
    other = next(row for row in comparison.rows if row.group.label == "lstm origin=lab").difference
    assert other is not None
    assert (other.baseline, other.pairs, other.mean) == ("lstm", 3, pytest.approx(1.0))


def test_the_studies_of_a_place(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM}, "one")
    write_study(tmp_path, {"lstm": LSTM}, "two")
    (tmp_path / "no_study").mkdir()
    assert studies(tmp_path) == ["one", "two"]
    with pytest.raises(RunError, match="no studies"):
        studies(tmp_path / "no_study")
