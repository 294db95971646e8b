"""A run with ``executor=newton`` records how many sequences needed the loop."""

import json

import keras
import pytest
from seams import InterruptedRunError, RunFolder, components, plan, resume, solve
from seams import train_run as train
from twice import StopAt, told

WORDS = ("task=echo", "cell=para_gru", "units=4", "trainer.epochs=2", "trainer.batch=8")


@pytest.fixture(autouse=True)
def _policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def attempt(path, stop):
    """Make one attempt of the run; return whether it is complete."""
    (run,) = plan([*WORDS, "executor=newton"]).runs
    folder = RunFolder(path)
    folder.claim()
    folder.write_config({"seed": 0})
    task = components.load().task(run.config["task"])
    try:
        result = train(
            run.config, task, folder, stop, verbose=0, checkpoint=resume.checkpoint_of(folder)
        )
    except InterruptedRunError:
        folder.status("INTERRUPTED", "stopped")
        return False
    folder.finish(result)
    return True


@pytest.mark.slow
def test_sequences_of_the_loop_are_recorded_and_the_run_warns(place, monkeypatch):
    monkeypatch.setattr(solve, "MOST", 1)
    assert attempt(place / "run", StopAt(10**9))
    result = json.loads((place / "run" / "result.json").read_text())
    assert result["executor"] == "newton"
    counts = result["newton"]
    assert 0 < counts["by_loop"] <= counts["sequences"]
    (warning,) = result["warnings"]
    assert warning.startswith(f"executor=newton: {counts['by_loop']:,} of {counts['sequences']:,}")


@pytest.mark.weekly
def test_an_interrupted_run_has_the_same_counts(place):
    assert attempt(place / "whole", StopAt(10**9))
    assert not attempt(place / "cut", StopAt(6))
    assert attempt(place / "cut", StopAt(10**9))
    assert told(place / "cut") == told(place / "whole")
    assert told(place / "whole")["result"]["newton"]["by_loop"] == 0
