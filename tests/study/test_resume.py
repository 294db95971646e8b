"""A run that was stopped or killed ends like one that never was, to the last bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from twice import VARIANTS, StopAt, points, told

from gatekit.study import parts, resume
from gatekit.study.command import compose
from gatekit.study.folder import RunFolder
from gatekit.study.plan import plan
from gatekit.study.train import InterruptedRunError, train


@pytest.fixture(autouse=True)
def float32():
    """Leave Keras' policy as it was."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


class Runs:
    """Attempts of one run, in this process."""

    def __init__(self, words):
        (self.run,) = plan(compose(["units=4", *words])).runs

    def attempt(self, path, stop, callbacks=None):
        """Make one attempt; return whether it completed the run."""
        folder = RunFolder(path)
        folder.claim()
        task = parts.load().task(self.run.config["task"])
        try:
            result = train(
                self.run.config,
                task,
                folder,
                stop,
                verbose=0,
                callbacks=callbacks,
                found=resume.found(folder),
            )
        except InterruptedRunError:
            folder.status("INTERRUPTED", "stopped")
            return False
        folder.finish(result)
        return True


FIRST, *OTHERS = VARIANTS


@pytest.mark.parametrize(
    "variant", [FIRST, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)]
)
def test_row_70_stopped_anywhere_it_ends_as_if_it_never_was(place, variant, request):
    runs = Runs(VARIANTS[variant])
    whole = StopAt(10**9)
    assert runs.attempt(place / "whole", whole)
    asked = 10**9 - whole.left
    slow = request.config.getoption("--slow")
    for stop in points(20 if slow else 1, asked, seed=len(variant)):
        path = place / str(stop)
        assert not runs.attempt(path, StopAt(stop))
        assert (path / "checkpoint.bin").exists() or stop >= asked - 10
        # a second time, where there is room for it
        attempts = 2
        if not runs.attempt(path, StopAt(max(1, (asked - stop) // 2))):
            attempts += 1
            assert runs.attempt(path, StopAt(10**9))
        assert told(path) == told(place / "whole"), f"stopped at {stop} of {asked}"
        assert not (path / "checkpoint.bin").exists()
        assert (path / "attempts" / f"{attempts}.claim").exists()


KILLS = Path(__file__).parent / "kills.py"


def test_row_67_killed_anywhere_it_ends_as_if_it_never_was(tmp_path, request):
    count = 20 if request.config.getoption("--slow") else 2
    done = subprocess.run(
        [sys.executable, KILLS, str(tmp_path), str(count)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["killed"] == count
    assert said["different"] == []
    assert said["continued"] >= count - 1
