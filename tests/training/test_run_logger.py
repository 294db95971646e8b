"""The Keras callback that records `model.fit` in a run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import gatekit
from gatekit.cell.errors import ConfigError, RunError
from gatekit.runs import metrics


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def model() -> Any:
    """Return a small classifier."""
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


X, Y = np.random.default_rng(0).normal(size=(8, 3)), np.arange(8) % 2


def fit(run: gatekit.run, **options: Any) -> Any:
    callbacks = [gatekit.RunLogger(run, **options)]
    return model().fit(
        X, Y, validation_data=(X, Y), epochs=2, batch_size=4, verbose=0, callbacks=callbacks
    )


def test_fit_is_recorded() -> None:
    with gatekit.run("mine", {"cell": "dense"}, seed=0, metric="accuracy") as run:
        history = fit(run, test=(X, Y)).history
    result = run.folder.result()
    assert result["parameters"] == {"recurrent": None, "total": 8}
    assert 0 < result["seconds"]["step"] < result["seconds"]["total"]
    assert result["last"]["validation"] == pytest.approx(history["val_accuracy"][-1])
    lines = metrics.read(run.folder.path / "metrics.jsonl").lines
    assert {(line.split, line.metric) for line in lines} == {
        *(("train", "loss"), ("train", "accuracy")),
        *(("validation", "accuracy"), ("validation", "loss")),
        *(("test", "accuracy"), ("test", "loss")),
    }
    assert [line.step for line in lines if line.metric == "loss" and line.split == "train"] == [
        2,
        4,
    ]
    (row,) = gatekit.load("mine").rows()
    assert (row["metric"], row["direction"], row["parameters"]) == ("accuracy", "max", 8)


def test_the_first_epoch_and_validation_do_not_count_as_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 90.0, 100.0, 104.0, 200.0, 206.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    with gatekit.run("mine", {}, seed=0, metric="accuracy") as run:
        logger = gatekit.RunLogger(run)
        steps = iter([0, 2, 2, 2, 4, 4, 4, 6, 6])
        monkeypatch.setattr(logger, "_steps", lambda: next(steps))
        monkeypatch.setattr(logger, "_trained", lambda: 8)
        logger.on_train_begin()
        for epoch in range(3):
            logger.on_epoch_begin(epoch)
            logger.on_test_begin()
            logger.on_epoch_end(epoch, {"val_accuracy": 1.0})
        assert run.step_seconds == 2.5


def test_a_second_fit_goes_on_with_the_numbers_of_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    with gatekit.run("mine", {}, seed=0, metric="accuracy") as run:
        logger = gatekit.RunLogger(run)
        monkeypatch.setattr(logger, "_steps", lambda: 0)
        monkeypatch.setattr(logger, "_trained", lambda: 8)
        for first in (0, 0, 4, 9):
            logger.on_train_begin()
            for epoch in range(first, first + 2):
                logger.on_epoch_begin(epoch)
                logger.on_epoch_end(epoch, {"val_accuracy": 1 / (1 + len(run.scores))})
    assert [score["epoch"] for score in run.scores] == [1, 2, 3, 4, 5, 6, 10, 11]
    assert run.folder.result()["best"]["epoch"] == 1


def test_a_metric_that_fit_does_not_log_is_an_error_that_lists_them() -> None:
    with (
        pytest.raises(ConfigError, match=r"val_auc; .* accuracy, loss"),
        gatekit.run("mine", {}, seed=0, metric="auc") as run,
    ):
        fit(run)
    assert run.folder.state().name == "FAILED"


@pytest.mark.slow
def test_a_complete_run_is_not_trained_again() -> None:
    for _ in range(2):
        with gatekit.run("mine", {}, seed=0) as run:
            if not run.done:
                fit(run)
    with pytest.raises(RunError, match="is complete"):
        fit(run)
    with pytest.raises(ConfigError, match="str is not a run"):
        gatekit.RunLogger("mine")
