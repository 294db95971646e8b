"""How often a layer is traced and compiled: counted, not timed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import rnn as layers

import gatekit

FEATURES = 3
RNG = np.random.default_rng(0)
LENGTHS = [int(n) for n in RNG.integers(60, 181, 20)]
BATCHES = [int(n) for n in RNG.integers(2, 9, 20)]


@pytest.fixture(name="traced")
def _traced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows whenever a layer's computation is traced, or run eagerly."""
    found: list[Any] = []

    def compute(call: Any, solve: Any) -> Any:
        found.append(call)
        return original(call, solve)

    original = layers.compute
    monkeypatch.setattr(layers, "compute", compute)
    return found


def batches() -> list[tuple[Any, Any]]:
    """Return twenty batches of as many sizes and lengths, in float32, with their targets."""
    return [
        (RNG.normal(size=(batch, time, FEATURES)).astype("float32"), np.zeros((batch, 1), "f"))
        for batch, time in zip(BATCHES, LENGTHS, strict=True)
    ]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_another_batch_size_or_length_traces_nothing_anew(cell: str, traced: list[Any]) -> None:
    inputs = keras.Input((None, FEATURES))
    hidden = gatekit.RNN(cell, units=4, seed=0)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    data = tf.data.Dataset.from_generator(
        batches,
        output_signature=(
            tf.TensorSpec((None, None, FEATURES), tf.float32),
            tf.TensorSpec((None, 1), tf.float32),
        ),
    ).repeat()
    model.fit(data, steps_per_epoch=20, verbose=0, shuffle=False)
    before = len(traced)
    model.fit(data, steps_per_epoch=20, verbose=0, shuffle=False)
    assert len(traced) == before
    # Once for the model itself, once for its training step.
    assert before <= 2


def test_a_step_with_relaxed_shapes_is_traced_twice_at_most(traced: list[Any]) -> None:
    layer = gatekit.RNN("gru", units=4, seed=0)
    layer.build((None, None, FEATURES))

    @tf.function(reduce_retracing=True)
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_variables)

    for x, _ in batches():
        step(tf.constant(x))
    # The first with its own shape, the second with any batch and any length.
    assert len(traced) <= 3
