"""A training step of a Keras layer: forward, loss, gradients, Adam, as one compiled function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .size import Size


def training_step(layer: Any, size: Size, *, every_step: bool, jit: bool) -> Callable[[], float]:
    """Return a function that trains on fixed random data, once a call, and returns the loss.

    Args:
        layer: a layer from ``batch x time x features`` to ``batch x units``, or to
            ``batch x time x units`` where every step counts.
        size: the sizes of data and layer.
        every_step: whether the loss is taken at every step, or at the last only.
        jit: whether the whole function is compiled by XLA.
    """
    rng = np.random.default_rng(0)
    shape = (size.batch, size.time, size.features)
    x = tf.constant(rng.standard_normal(shape), tf.float32)
    target = (size.batch, size.time, 1) if every_step else (size.batch, 1)
    y = tf.constant(rng.standard_normal(target), tf.float32)
    model = keras.Sequential([keras.Input(shape[1:]), layer, keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam()
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(jit_compile=jit)  # type: ignore[untyped-decorator]
    def train(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return lambda: float(train(x, y))
