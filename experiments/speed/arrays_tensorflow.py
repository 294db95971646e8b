"""The array functions that the cells by hand use, in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

matmul, sigmoid, tanh, exp, maximum = tf.matmul, tf.sigmoid, tf.tanh, tf.exp, tf.maximum
softplus, square, rsqrt, reshape, where = (
    tf.nn.softplus,
    tf.square,
    tf.math.rsqrt,
    tf.reshape,
    tf.where,
)
softmax = tf.nn.softmax


def split(value: Any, parts: Any) -> Any:
    """Split the last axis into so many equal parts, or into parts of these widths."""
    return tf.split(value, parts, axis=-1)


def mean(value: Any) -> Any:
    """Return the mean over the last axis, which is kept."""
    return tf.reduce_mean(value, axis=-1, keepdims=True)


def cumsum(value: Any) -> Any:
    """Return running sums over the last axis."""
    return tf.cumsum(value, axis=-1)


def repeat(value: Any, times: int) -> Any:
    """Return each entry of the last axis so many times in a row."""
    # The gradient of `tf.repeat` has shapes that XLA does not know.
    return tf.reshape(tf.stack([value] * times, axis=-1), (-1, value.shape[-1] * times))
