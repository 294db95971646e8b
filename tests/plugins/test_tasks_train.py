"""Tasks train as they stand: a few steps, scores on every test set."""

import math
import threading

import keras
import pytest
from seams import RunFolder, components, plan
from seams import train_run as train

# one of each form: one-hot or tokens, ragged or not, asked at every step, at some, at the end
NAMES = ("parity", "word_problem", "copy", "mqar", "temporal_order", "noise_padding")
# weights in the sets that are not trained on only; strings of several lengths
NAMES += ("in_context_recall", "stack_manipulation")
FEW = ["cell=gru", "units=4", "trainer.steps=3", "trainer.batch=4"]


@pytest.mark.slow
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [f"task={name}", "task.length=30", "task.validation_size=10", "task.test_size=10", *FEW]
    (run,) = plan(words).runs
    task = components.load().task(run.config["task"])
    folder = RunFolder(tmp_path / "run")
    folder.claim()
    before = keras.config.dtype_policy()
    try:
        result = train(run.config, task, folder, threading.Event())
    finally:
        keras.config.set_dtype_policy(before)
    assert result["state"] == "COMPLETED"
    assert list(result["best"].get("splits", {})) == list(task.further_tests())
    scores = [result["best"]["test"], *result["best"].get("splits", {}).values()]
    assert all(math.isfinite(score) for score in scores)
    if task.metric.name == "accuracy":
        assert all(0 <= score <= 1 for score in scores)
