"""A run that was stopped or killed ends like one that never was, to the last bit."""

import json
import math
import os
import sys
from pathlib import Path

import processes
import pytest
from seams import (
    Callbacks,
    Checkpoint,
    InterruptedRunError,
    PluginError,
    RunFolder,
    components,
    metrics,
    plan,
    resume,
)
from seams import train_run as train
from twice import VARIANTS, StopAt, points, told, untraced

from gatekit import RunError

pytestmark = pytest.mark.usefixtures("float32")


class Runs:
    """Attempts of one run, in this process."""

    def __init__(self, words):
        (self.run,) = plan(["units=4", *words]).runs

    def attempt(self, path, stop, callbacks=None):
        """Make one attempt; return whether it completed the run."""
        folder = RunFolder(path)
        folder.claim()
        folder.write_config(self.run.config)
        task = components.load().task(self.run.config["task"])
        try:
            result = train(
                self.run.config,
                task,
                folder,
                stop,
                verbose=0,
                callbacks=callbacks,
                checkpoint=resume.checkpoint_of(folder),
            )
        except InterruptedRunError:
            folder.status("INTERRUPTED", "stopped")
            return False
        folder.finish(result)
        return True


# The one with the most to carry from window to window runs always.
ALWAYS = "windows of a document, two layers, dropout, averaged weights"


@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize(
    "variant",
    [ALWAYS, *(pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS if v != ALWAYS)],
)
def test_stopped_anywhere_it_ends_as_if_it_never_was(place, variant, request):
    runs = Runs(VARIANTS[variant])
    whole = StopAt(10**9)
    assert runs.attempt(place / "whole", whole)
    assert untraced(place / "whole") == []
    asked = 10**9 - whole.left
    slow, every = map(request.config.getoption, ("--slow", "--weekly"))
    for stop in points(2 if every else 1, asked, seed=len(variant)):
        path = place / str(stop)
        assert not runs.attempt(path, StopAt(stop))
        assert (path / "checkpoint.bin").exists() or stop >= asked - 10
        # a second time in CI, where there is room for it
        attempts = 2
        if not runs.attempt(path, StopAt(max(1, (asked - stop) // 2) if slow else 10**9)):
            attempts += 1
            assert runs.attempt(path, StopAt(10**9))
        assert told(path) == told(place / "whole"), f"stopped at {stop} of {asked}"
        assert not (path / "checkpoint.bin").exists()
        assert (path / "attempts" / f"{attempts}.claim").exists()


def test_a_rate_that_fell_on_a_plateau_is_that_of_an_undisturbed_run(place):
    keys = ["optimizer.schedule=plateau", "optimizer.wait=2", "optimizer.factor=0.5"]
    runs = Runs(["task=odd", "trainer.epochs=7", "optimizer.learning_rate=0.01", *keys])
    whole = StopAt(10**9)
    assert runs.attempt(place / "whole", whole)
    lines = metrics.read(place / "whole" / "metrics.jsonl").lines
    actual = [(one.epoch, one.value) for one in lines if one.metric == "learning_rate"]
    scores = [one.value for one in lines if (one.split, one.metric) == ("validation", "accuracy")]
    best, since, rate, expected = -1.0, 0, 0.01, []
    for epoch, score in enumerate(scores, 1):
        best, since = max(best, score), 0 if score > best else since + 1
        if since and since % 2 == 0:
            rate *= 0.5
            expected.append((epoch, pytest.approx(rate)))
    assert actual == expected
    assert expected
    # in the middle of the epoch after the first fall
    assert not runs.attempt(place / "stopped", StopAt((expected[0][0] * (10**9 - whole.left)) // 7))
    assert runs.attempt(place / "stopped", StopAt(10**9))
    assert told(place / "stopped") == told(place / "whole")


NOW = {"tensorflow": "2.21.0", "cpu": "one", "threads": 1, "executor": "auto", "jit": False}
FOUND = Checkpoint({}, {"epoch": 3, "step": 12}, NOW | {"threads": 2, "executor": "stacked"})


def test_threads_and_executor_are_those_of_the_first_attempt(tmp_path, capsys):
    folder = RunFolder(tmp_path)
    settings, remark = resume.agreed(FOUND, NOW, folder, False)
    assert settings == {"threads": 2, "executor": "stacked", "jit": False}
    assert remark is None
    assert capsys.readouterr().out == "continues after epoch 3, step 12.\n"


@pytest.mark.parametrize("changed", [False, True])
def test_what_jit_auto_decided_is_that_of_the_first_attempt(tmp_path, changed):
    found = Checkpoint({}, FOUND.position, {**FOUND.made_with, "jit": True})
    settings, _ = resume.agreed(found, NOW | {"jit": "auto"}, RunFolder(tmp_path), changed)
    assert settings["jit"] is True


def test_after_an_upgrade_or_elsewhere_it_is_refused_with_the_difference(tmp_path, capsys):
    folder = RunFolder(tmp_path)
    here = NOW | {"tensorflow": "2.22.0", "cpu": "other"}
    with pytest.raises(RunError) as refused:
        resume.agreed(FOUND, here, folder, False)
    text = str(refused.value)
    assert "resume refused" in text
    assert "tensorflow was 2.21.0 and is now 2.22.0; cpu was one and is now other" in text
    assert "allow_changed=true is needed" in text
    settings, remark = resume.agreed(FOUND, here, folder, True)
    assert settings == {"threads": 1, "executor": "stacked", "jit": False}
    assert remark.startswith("continued after epoch 3, step 12 although changed: tensorflow")
    assert "although changed" in capsys.readouterr().out


@pytest.mark.slow
def test_callbacks_remember(place):
    class Heard:
        """A callback with a memory."""

        def __init__(self):
            self.epochs = []

        def __call__(self, event, *, epoch=None, **facts):
            if event == "epoch":
                self.epochs.append(epoch)

        def state(self):
            return self.epochs

        def restore(self, state):
            self.epochs = state

    runs = Runs(["task=echo", "trainer.epochs=3", "trainer.batch=32"])
    first, second = Heard(), Heard()
    assert not runs.attempt(place / "run", StopAt(6), Callbacks([first]))
    assert first.epochs == [1, 2]
    assert runs.attempt(place / "run", StopAt(10**9), Callbacks([lambda event, **_: 0, second]))
    assert second.epochs == [1, 2, 3]


@pytest.mark.parametrize("memory", [object(), {1, 2}])
def test_a_memory_that_is_no_plain_data_is_named(memory):
    class Odd:
        def __call__(self, event, **facts):
            pass

        def state(self):
            return memory

    with pytest.raises(PluginError, match=r"test_resume.py\) in state"):
        Callbacks([Odd()]).state()


def test_within_an_epoch_the_clock_saves(place, monkeypatch):
    monkeypatch.setattr(resume, "STEP_PERIOD", 0.0)
    # On a busy machine the end of the epoch would be late enough for another checkpoint.
    monkeypatch.setattr(resume, "EPOCH_PERIOD", math.inf)
    runs = Runs(["task=echo", "trainer.epochs=1", "trainer.batch=8"])
    saved = []
    save = RunFolder.write_checkpoint
    monkeypatch.setattr(
        RunFolder,
        "write_checkpoint",
        lambda self, made: (saved.append(made.position["step"]), save(self, made)),
    )
    assert runs.attempt(place / "run", StopAt(10**9))
    assert saved == [1, 2]


KILLS = Path(__file__).parent / "kills.py"


@pytest.mark.slow
def test_killed_anywhere_it_ends_as_if_it_never_was(tmp_path, request):
    count = 6 if request.config.getoption("--weekly") else 2
    done = processes.run(
        [sys.executable, KILLS, str(tmp_path), str(count)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(KILLS.parents[1])},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    data = json.loads(done.stdout.splitlines()[-1])
    assert data["killed"] == count
    assert data["different"] == []
    # the others were killed before there was a checkpoint
    assert data["continued"] >= -(-count // 2)
