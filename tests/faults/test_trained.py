"""Mistakes that only show when a run is trained."""

import threading
from pathlib import Path
from typing import Any

import pytest
from seams import DataWarning, RunFolder, components, plan
from seams import train_run as train

CONSTANT = """
import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl


class Constant(Task):
    metric = Metric("mse", direction="min", unit="squared error")

    def chance(self):
        return 0.0

    def signature(self):
        return Signature(features=2, vocabulary=None, outputs=1, loss="mse", emission="last")

    def data_hash(self):
        return "constant"

    def splits(self, rng):
        x = rng.random((12, 3, 2), dtype="float32")
        cut = {"train": x[:4], "validation": x[4:8], "test": x[8:]}
        return {name: Batch(part, numpy.ones((4, 1), "float32")) for name, part in cut.items()}


@hookimpl
def gatekit_tasks():
    return {"constant": Constant}
"""


def trained(folder: Path, *words: str) -> dict[str, Any]:
    """Train the one run that the words describe, and return its result."""
    (run,) = plan(["units=4", *words]).runs
    made = RunFolder(folder)
    made.claim()
    task = components.load(tuple(run.config["plugins"])).task(run.config["task"])
    return train(run.config, task, made, threading.Event())


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "equation", ["candidate / 0", "log(-1 - abs(candidate))", "sqrt(-abs(candidate) - 1)"]
)
def test_what_is_no_number_diverges(
    equation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["task=adding", "task.length=4", "task.validation_size=8", "task.test_size=8"]
    result = trained(
        tmp_path / "run", *words, "cell=rnn", f"cell.equations.h='{equation}'", "trainer.steps=2"
    )
    assert result["state"] == "DIVERGED"
    assert result["reason"] == "the loss is not finite at epoch 1, batch 1"
    assert result["best"] is None


@pytest.mark.slow
def test_a_batch_larger_than_the_data_and_a_constant_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "constant.py").write_text(CONSTANT, encoding="utf-8")
    words = ["task=constant", "plugins=[constant.py]", "trainer.epochs=3"]
    results = {}
    for batch in (4, 100):
        with pytest.warns(DataWarning, match="train has the same target"):
            results[batch] = trained(tmp_path / f"run{batch}", *words, f"trainer.batch={batch}")
        assert any("same target" in text for text in results[batch]["warnings"])
    # What fills the larger batch up weighs nothing: the numbers are those of the data alone.
    assert results[100]["state"] == "COMPLETED"
    assert results[100]["steps"] == results[4]["steps"] == 3
    for score in ("validation", "test"):
        assert results[100]["best"][score] == pytest.approx(results[4]["best"][score], rel=1e-5)
