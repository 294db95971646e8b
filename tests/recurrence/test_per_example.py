"""Gradients per example: vectorized maps and jacobians agree with a loop over examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gatekit

# As many examples as steps: there shapes fit even where axes are the wrong way round.
COUNT = STEPS = 3
CELLS = ("lstm", "gru", "peephole", "slstm", "on_lstm", "rhn", "layer_norm_gru")


def layer_and_inputs(cell: str, executor: str = "stacked") -> tuple[Any, Any, Any]:
    layer = gatekit.RNN(cell, 4, executor=executor, seed=1, dtype="float64")
    x = tf.constant(np.random.default_rng(0).normal(size=(COUNT, STEPS, 4)))
    layer.build(x.shape)
    mask = tf.constant([[True] * (1 + i) + [False] * (STEPS - 1 - i) for i in range(COUNT)])
    return layer, x, mask


def gradient(layer: Any, x: Any, mask: Any, training: bool = True) -> list[Any]:
    weights = [weight.value for weight in layer.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x[None], mask=mask[None], training=training) ** 2)
    return list(tape.gradient(loss, weights))


def agree(found: Any, layer: Any, x: Any, mask: Any) -> None:
    for index in range(COUNT):
        expected = gradient(layer, x[index], mask[index])
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[index], other, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize("cell", CELLS)
def test_a_vectorized_map_gives_each_examples_gradient(cell: str) -> None:
    layer, x, mask = layer_and_inputs(cell)
    found = tf.vectorized_map(
        lambda each: gradient(layer, *each), (x, mask), fallback_to_while_loop=False
    )
    agree(found, layer, x, mask)


@pytest.mark.one_in(2, slow=2)
@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        pytest.param("lstm", "reference", marks=pytest.mark.slow),
        pytest.param("lstm", "unroll", marks=pytest.mark.slow),
        ("mingru", "affine"),
        ("mingru", "scan"),
    ],
)
def test_so_it_does_for_every_executor(cell: str, executor: str) -> None:
    layer, x, mask = layer_and_inputs(cell, executor)
    found = tf.vectorized_map(
        lambda each: gradient(layer, *each), (x, mask), fallback_to_while_loop=False
    )
    agree(found, layer, x, mask)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        *(("lstm", executor) for executor in ("reference", "stacked", "unroll")),
        *(("mingru", executor) for executor in ("affine", "scan")),
    ],
)
def test_gradients_without_steps_or_examples_are_zero(
    cell: str, executor: str, sequences: bool
) -> None:
    layer = gatekit.RNN(cell, 4, executor=executor, seed=1, return_sequences=sequences)
    layer.build((None, None, 3))
    for shape in ((2, 0, 3), (0, 2, 3)):
        x = tf.zeros(shape)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True))
        gradients = tape.gradient(loss, [x, *layer.trainable_variables])
        for value, like in zip(gradients, [x, *layer.trainable_variables], strict=True):
            assert value is not None, shape
            np.testing.assert_array_equal(value, np.zeros(like.shape))
