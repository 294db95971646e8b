"""Masks under Keras 3.15 and under 3.16, where wrappers stop passing them on.

From 3.16 on `keras.layers.RNN`, `Bidirectional` and `TimeDistributed` have
``supports_masking = False``: they still use a mask, and no layer after them gets it; Keras warns.
Until 3.16 is released, a stand-in sets the attribute as its source does.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, Cell

from .layers import FEATURES, SUFFIX, TIME

WRAPPERS = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)
DESTROYED = "does not support masking and will therefore destroy the mask"


@pytest.fixture(params=[True, False], ids=["3.15", "3.16"])
def passes_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether Keras' wrappers pass masks on, set as each version does."""
    supports = property(lambda self: request.param, lambda self, value: None)
    for kind in WRAPPERS:
        monkeypatch.setattr(kind, "supports_masking", supports)
    return request.param


def _x() -> Any:
    x = np.random.default_rng(0).normal(size=(4, TIME, FEATURES)).astype("float32")
    x[~SUFFIX] = 0.0
    return x


def _called(wrapped: Any, passes_on: bool) -> Any:
    """Return the output of a wrapper for masked inputs, and check what becomes of the mask."""
    x = keras.layers.Masking()(_x())
    if passes_on:
        found = wrapped(x)
        np.testing.assert_array_equal(found._keras_mask, SUFFIX)
    else:
        with pytest.warns(UserWarning, match=DESTROYED):
            found = wrapped(x)
        assert getattr(found, "_keras_mask", None) is None
    return found


def test_a_bidirectional_layer_uses_the_mask(passes_on: bool) -> None:
    both = keras.layers.Bidirectional(RNN("lstm", 4, return_sequences=True, seed=1))
    found = _called(both, passes_on)
    forward = both.forward_layer(_x(), mask=SUFFIX)
    backward = both.backward_layer(_x(), mask=SUFFIX)
    np.testing.assert_array_equal(found, np.concatenate([forward, backward[:, ::-1]], -1))
    assert not np.any(np.asarray(found)[~SUFFIX])


def test_a_loop_over_a_step_cell_uses_the_mask(passes_on: bool) -> None:
    over = keras.layers.RNN(Cell("gru", 4, seed=1), return_sequences=True)
    rnn = RNN("gru", 4, seed=1, return_sequences=True)
    found = _called(over, passes_on)
    np.testing.assert_allclose(found, rnn(_x(), mask=SUFFIX), atol=1e-6)


def test_time_distributed_runs_the_layer_on_each_sequence(passes_on: bool) -> None:
    rnn = RNN("gru", 4, seed=1)
    over = keras.layers.TimeDistributed(rnn)
    x = np.random.default_rng(0).normal(size=(2, 3, TIME, FEATURES)).astype("float32")
    mask = np.random.default_rng(1).random((2, 3, TIME)) < 0.7
    for given in (None, tf.constant(mask)):
        found = over(x, mask=given) if given is None or passes_on else None
        if found is None:
            with pytest.warns(UserWarning, match=DESTROYED):
                found = over(x, mask=given)
        for step in range(3):
            own = None if given is None else mask[:, step]
            np.testing.assert_allclose(found[:, step], rnn(x[:, step], mask=own), atol=1e-6)


@pytest.mark.usefixtures("passes_on")
def test_gatekits_own_layer_passes_the_mask_on() -> None:
    first, second = (RNN("gru", 4, seed=s, return_sequences=s == 1) for s in (1, 2))
    model = keras.Sequential([keras.Input((TIME, FEATURES)), keras.layers.Masking(), first, second])
    expected = second(first(_x(), mask=SUFFIX), mask=SUFFIX)
    np.testing.assert_allclose(model(_x()), expected, atol=1e-6)
