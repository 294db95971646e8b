"""A Keras layer's training step with Adam, and its forward pass, each as one `tf.function`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from .contender import Started
from .data import arrays
from .size import Size


def started(
    layer: Any, size: Size, *, every_step: bool, jit: bool, note: str | Callable[[], str]
) -> Started:
    """Return the steps of a layer with a head of one unit on it.

    Args:
        layer: a layer from ``batch x time x features`` to ``batch x units``, or to
            ``batch x time x units`` where every step counts.
        size: the sizes of data and layer.
        every_step: whether the loss is taken at every step, or at the last only.
        jit: whether each whole function is compiled by XLA.
        note: what runs inside; a function is called once the layer is built.
    """
    x, y = (tf.constant(value) for value in arrays(size, every_step))
    # The head stays in full precision whatever the layer computes in.
    head = keras.layers.Dense(1, dtype="float32")
    model = keras.Sequential([keras.Input(x.shape[1:]), layer, head])
    optimizer = keras.optimizers.Adam()
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(jit_compile=jit)  # type: ignore[untyped-decorator]
    def train(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    @tf.function(jit_compile=jit)  # type: ignore[untyped-decorator]
    def forward(x: tf.Tensor) -> tf.Tensor:
        return model(x, training=False)

    return Started(
        train=lambda: float(train(x, y)),
        forward=lambda: forward(x).numpy(),
        note=note if isinstance(note, str) else note(),
        parameters=sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables),
    )
