"""Rows 63 and 64: what a plugin changes in the process is seen, undone and told."""

import os
import random
import signal
import threading
import warnings

import keras
import numpy
import pytest
import tensorflow as tf
import tiny
from seams import Callbacks, PluginError, RunFolder, plan, reported
from seams import train_run as train

DEEDS = {
    "the working folder": lambda: os.chdir("/"),
    "environment variables": lambda: os.environ.update(GATEKIT_TEST="1"),
    "Python's global random": lambda: random.seed(1),
    "NumPy's global random": lambda: numpy.random.seed(1),
    "TensorFlow's global seed": lambda: tf.random.set_seed(5),
    "dtype policy": lambda: keras.config.set_dtype_policy("float64"),
    "floatx": lambda: keras.config.set_floatx("float64"),
    "a signal's handler": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
}


def shared():
    """Return what the deeds change."""
    return [
        os.getcwd(),
        dict(os.environ),
        random.getstate(),
        numpy.random.get_state()[1].tolist(),
        keras.config.dtype_policy().name,
        keras.config.floatx(),
        signal.getsignal(signal.SIGUSR1),
        tf.compat.v1.random.get_seed(1)[0],
    ]


@pytest.fixture(autouse=True)
def known_state():
    """Start from states that no deed makes, whichever tests ran in this process before."""
    random.seed(27)
    numpy.random.seed(27)
    tf.random.set_seed(27)


@pytest.mark.parametrize("said", DEEDS)
def test_a_change_is_undone_and_told(said):
    before, told = shared(), []
    with reported("loading plugins", told.append):
        DEEDS[said]()
    assert shared() == before
    (text,) = told
    assert text.startswith("loading plugins: a plugin ")
    assert said in text


def test_all_at_once_are_one_warning_and_nothing_is_none():
    before, told = shared(), []
    with reported("loading plugins", told.append):
        for deed in DEEDS.values():
            deed()
    with reported("loading plugins", told.append):
        pass
    assert shared() == before
    assert len(told) == 1
    assert all(said in told[0] for said in DEEDS)


def test_filters_are_restored_without_a_word():
    told, before = [], list(warnings.filters)
    with reported("the data", told.append):
        warnings.simplefilter("ignore")
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
    assert (told, warnings.filters) == ([], before)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_callback_may_raise_anything_and_nothing_stays(error):
    def faulty(event, **facts):
        for deed in DEEDS.values():
            deed()
        raise error("no")

    before = shared()
    with pytest.raises(PluginError, match=f"faulty .* at 'epoch': {error.__name__}"):
        Callbacks([faulty]).tell("epoch")
    assert shared() == before


def test_what_a_callback_changes_is_told_with_its_name():
    def restless(event, **facts):
        random.seed(1)

    callbacks, told, before = Callbacks([restless]), [], shared()
    callbacks.warn = told.append
    callbacks.tell("epoch")
    assert shared() == before
    (text,) = told
    assert "restless (test_guard.py) at 'epoch' used or seeded Python's" in text


class Restless(tiny.Sum):
    """A task that does what none should."""

    def splits(self, rng):
        numpy.random.seed(0)
        os.environ["GATEKIT_TEST"] = "1"
        return super().splits(rng)


@pytest.fixture
def trained(place):
    def make(task, *words):
        (run,) = plan(["task=sum", "units=2", "trainer.steps=2", *words]).runs
        folder = RunFolder(place / "run")
        folder.claim()
        return train(run.config, task, folder, threading.Event(), verbose=0)

    return make


@pytest.mark.slow
def test_the_result_tells_of_it(trained):
    assert trained(tiny.Sum())["warnings"] == []


@pytest.mark.slow
def test_the_result_tells_of_a_task(trained):
    (warning,) = trained(Restless())["warnings"]
    assert "the data: a plugin changed environment variables" in warning
    assert "NumPy's global random generator" in warning
    assert "GATEKIT_TEST" not in os.environ


NOISY = """
import numpy
import tensorflow as tf

from gatekit import Gate, hookimpl


class Noisy(Gate):
    \"\"\"A gate that draws for itself.\"\"\"

    uses_tensorflow = True

    def activate(self, pre):
        return tf.sigmoid(pre) * tf.random.uniform([])


@hookimpl
def gatekit_gates():
    return {"noisy": Noisy}
"""


@pytest.mark.slow
def test_randomness_outside_the_seed_is_told(trained, place):
    (place / "noisy.py").write_text(NOISY)
    result = trained(tiny.Sum(), "plugins=[noisy.py]", "swap.forget=noisy", "executor=reference")
    assert any(
        "the first step was executed twice, with different results" in w for w in result["warnings"]
    )
