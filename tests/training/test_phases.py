"""A run records what it does before its first epoch ends."""

import json
import threading

import keras
import pytest
from seams import RunFolder, components, plan, trainer


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder; Keras' policy is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    before = keras.config.dtype_policy()
    yield tmp_path
    keras.config.set_dtype_policy(before)


def test_a_run_records_its_phases_at_their_beginning(place, monkeypatch):
    seen = []

    def recorded(function):
        def call(*args, **options):
            status = json.loads((place / "run/status.json").read_text())
            seen.append((function.__name__, status["state"], status["phase"]))
            return function(*args, **options)

        return call

    words = ["task=adding", "task.length=3", "cell=rnn", "units=2", "trainer.steps=2"]
    (run,) = plan([*words, "trainer.batch=4"]).runs
    folder = RunFolder(place / "run")
    folder.claim()
    folder.write_config(run.config)
    session = trainer._Session
    for holder, name in ((trainer.Drawing, "splits"), (session, "_make"), (session, "_fit")):
        monkeypatch.setattr(holder, name, recorded(getattr(holder, name)))
    task = components.load(()).task(run.config["task"])
    trainer.train(trainer.Attempt(run.config, task, folder, threading.Event(), 0))
    assert seen == [
        ("splits", "RUNNING", "loading"),
        ("_make", "RUNNING", "compiling"),
        ("_fit", "RUNNING", "training"),
    ]
