"""Randomness as a function of seed, step and state: the same in all executors and passes."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

_ALGORITHM = "philox"


def scrambled_seed(seed: Tensor) -> Tensor:
    """Return a well mixed seed, two int32, from one that counts calls."""
    return tf.random.stateless_uniform(
        [2], tf.cast(seed, tf.int32), minval=None, maxval=None, dtype=tf.int32, alg=_ALGORITHM
    )


def bernoulli(seed: Tensor, stream: int, step: Tensor, shape: Tensor, rate: float) -> Tensor:
    """Return booleans that are true with probability ``rate``.

    Args:
        seed: a scrambled seed, two int32.
        stream: the number of the state or mask that the draw is for.
        step: the time step, int32.
        shape: the shape of the draw.
        rate: the probability, in [0, 1).
    """
    counter = tf.stack(
        [seed[0] + tf.constant(stream * 0x9E3779B, tf.int32), seed[1] + tf.cast(step, tf.int32)]
    )
    # Integers, because XLA turns the same bits into different floating point numbers.
    bits = tf.random.stateless_uniform(
        shape, counter, minval=None, maxval=None, dtype=tf.int32, alg=_ALGORITHM
    )
    return bits < min(round(rate * 2**32) - 2**31, 2**31 - 1)


def dropout_mask(seed: Tensor, stream: int, shape: Tensor, rate: float, dtype: tf.DType) -> Tensor:
    """Return factors: 0 with probability ``rate``, otherwise ``1 / (1 - rate)``."""
    dropped = bernoulli(seed, stream, 0, shape, rate)
    return tf.where(dropped, tf.zeros([], dtype), tf.constant(1.0 / (1.0 - rate), dtype))
