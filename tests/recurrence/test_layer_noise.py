"""Dropout, recurrent dropout and zoneout of the layer: what they do, and alike each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .cells import lstm_with
from .layers import FEATURES, computed, inputs_for, layer
from .problems import loss

NOISES: dict[str, dict[str, Any]] = {
    "dropout": {"dropout": 0.4},
    "recurrent_dropout": {"recurrent_dropout": 0.4},
    "zoneout": {"zoneout": {"h": 0.3, "c": 0.5}},
    "all": {"dropout": 0.2, "recurrent_dropout": 0.2, "zoneout": {"c": 0.3}},
}
MODES: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "xla": lambda f: tf.function(f, jit_compile=True),
}
# Emits its input as it is, and has a state, so that zoneout can be seen.
COPY = {
    "gates": {"new": {"kind": "linear", "reads": {"x": "identity"}, "bias": False}},
    "equations": {"h": "new + 0*h_prev"},
    "emits": "h",
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("noise", ["dropout", "recurrent_dropout", "zoneout"])
def test_every_call_draws_anew_and_inference_never(noise: str, mode: str) -> None:
    rnn = layer("lstm", **NOISES[noise])
    x = inputs_for(rnn)
    call = MODES[mode](lambda x: (rnn(x, training=True), rnn(x, training=False)))
    (noisy, plain), (again, plain_again) = call(x), call(x)
    assert not np.array_equal(noisy, again)
    np.testing.assert_array_equal(plain, plain_again)


@pytest.mark.parametrize("noise", NOISES)
def test_gradient_sees_the_same_noise_as_the_values(noise: str) -> None:
    rng = np.random.default_rng(4)
    direction = tf.constant(rng.normal(size=(4, 5, FEATURES)))

    def at(distance: float) -> Any:
        # A layer of its own each time: its first call draws the same.
        rnn = layer("lstm", return_sequences=True, **NOISES[noise])
        y = rnn(inputs_for(rnn) + distance * direction, training=True)
        return loss({"outputs": y})

    rnn = layer("lstm", return_sequences=True, **NOISES[noise])
    _, gradients = computed(rnn, inputs_for(rnn), training=True)
    exact = float(tf.reduce_sum(gradients["input x"] * direction))
    measured = float(at(1e-5) - at(-1e-5)) / 2e-5
    assert abs(exact - measured) < 1e-7 * (1 + abs(measured))


def test_dropout_is_one_mask_per_sequence() -> None:
    rnn = layer(COPY, units=8, features=8, dropout=0.5, return_sequences=True)
    x = inputs_for(rnn, batch=16)
    ratio = np.asarray(rnn(x, training=True) / x)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), atol=1e-12)
    assert set(np.unique(np.round(ratio, 9))) == {0.0, 2.0}


def test_recurrent_dropout_drops_what_recurrent_products_read() -> None:
    cell = {
        "gates": {"old": {"kind": "linear", "reads": {"h_prev": "dense"}, "bias": False}},
        "equations": {"h": "old + 0*sum(x)"},
        "emits": "h",
    }
    rnn = layer(cell, units=4, recurrent_dropout=0.5, fill=False)
    rnn.named_weights["old.h_prev"].assign(np.eye(4))
    x = tf.zeros([64, 3, FEATURES], tf.float64)
    last = np.asarray(rnn(x, initial_state=[tf.ones([64, 4], tf.float64)], training=True))
    assert set(np.unique(last)) == {0.0, 8.0}  # the same units at each of three steps


def test_zoneout_keeps_old_values_in_training_and_mixes_in_inference() -> None:
    rate = 0.3
    rnn = layer(COPY, units=50, features=50, zoneout={"h": rate}, return_sequences=True)
    x = inputs_for(rnn, batch=20, time=10)
    kept = np.asarray(rnn(x, training=True))
    before = np.concatenate([np.zeros((20, 1, 50)), kept[:, :-1]], 1)
    old, new = kept == before, kept == np.asarray(x)
    assert np.all(old ^ new)
    assert abs(old.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / old.size)
    mixed = np.zeros((20, 50))
    for step, value in enumerate(np.asarray(rnn(x)).transpose(1, 0, 2)):
        mixed = rate * mixed + (1 - rate) * np.asarray(x)[:, step]
        np.testing.assert_allclose(value, mixed, atol=1e-12)


def test_h_reads_the_memory_before_zoneout() -> None:
    rnn = layer(lstm_with(zoneout={"c": 0.9}), units=8, return_state=True)
    plain = layer("lstm", units=8, return_state=True)
    x = inputs_for(rnn, time=1)
    _, h, c = rnn(x, training=True)
    _, expected, new = plain(x)
    np.testing.assert_allclose(h, expected, atol=1e-12)
    assert np.any(np.asarray(c) == 0.0)
    assert not np.any(np.asarray(new) == 0.0)
