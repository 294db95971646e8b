"""Randomness as a function of seed, step, state and row: the same in all executors and passes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.owned import NOISES

_ALGORITHM = "philox"


@dataclass(frozen=True)
class Shard:
    """Some rows of a batch that is computed in several parts.

    Args:
        first: the first of these rows, a scalar int32.
        rows: their number.
        whole: the rows of the batch.
        kept: receives the carried states of these rows, each with its variable.
    """

    first: Tensor
    rows: int
    whole: int
    kept: list[tuple[keras.Variable, Tensor]] = field(default_factory=list)

    def of(self, batch: Tensor) -> Tensor:
        """Return these rows of a tensor with all rows."""
        begin = tf.stack([self.first, *[0] * (batch.shape.rank - 1)])
        # XLA needs the size, as it does not know where the rows begin.
        part = tf.slice(batch, begin, tf.concat([[self.rows], tf.shape(batch)[1:]], 0))
        return tf.ensure_shape(part, [self.rows, *batch.shape[1:]])


_shard: Shard | None = None


def shard() -> Shard | None:
    """Return the rows that are being traced; None for a whole batch."""
    return _shard


@contextlib.contextmanager
def only(rows: Shard) -> Iterator[None]:
    """Trace the computation of some rows: they draw what they draw in the whole batch."""
    global _shard
    before, _shard = _shard, rows
    try:
        yield
    finally:
        _shard = before


class Dropout(keras.layers.Dropout):
    """Keras' dropout, whose draws are those of the whole batch."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Return the inputs; in training, some of them are zero and the others are scaled."""
        rows = shard()
        if rows is None or not training or not self.rate:
            return super().call(inputs, training=training)
        shape = tf.concat([[rows.whole], tf.shape(inputs)[1:]], 0)
        return inputs * rows.of(super().call(tf.ones(shape, inputs.dtype), training=True))


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
        shape: the shape of the draw, with the rows of the batch first.
        rate: the probability, in [0, 1).
    """
    return _bits(seed, stream, step, shape) < min(round(rate * 2**32) - 2**31, 2**31 - 1)


def _bits(seed: Tensor, stream: int, step: Tensor, shape: Tensor) -> Tensor:
    """Return random int32, the same for these rows in every part of a batch."""
    rows = shard()
    if rows is not None:
        shape = tf.concat([[rows.whole], shape[1:]], 0)
    counter = tf.stack(
        [seed[0] + tf.constant(stream * 0x9E3779B, tf.int32), seed[1] + tf.cast(step, tf.int32)]
    )
    # Integers, because XLA turns the same bits into different floating point numbers.
    bits = tf.random.stateless_uniform(
        shape, counter, minval=None, maxval=None, dtype=tf.int32, alg=_ALGORITHM
    )
    return bits if rows is None else rows.of(bits)


def noise(
    seed: Tensor, stream: int, kind: str, shape: Sequence[int | Tensor], dtype: tf.DType
) -> Tensor:
    """Return draws of a distribution, or its mean without a seed.

    Args:
        seed: a scrambled seed, two int32, or None.
        stream: the number of the noise.
        kind: ``uniform`` (between 0 and 1), ``normal``, ``gumbel`` or ``logistic``.
        shape: time, batch and width.
        dtype: the type of the result.
    """
    time, batch, width = shape
    if seed is None:
        return tf.fill(tf.stack([time, batch, width]), tf.constant(NOISES[kind], dtype))
    bits = _bits(seed, stream, 0, tf.stack([batch, time, width]))
    single = dtype if dtype == tf.float64 else tf.float32
    # 23 bits and a half: the result is exact, and neither 0 nor 1.
    whole = tf.cast(tf.bitwise.right_shift(tf.bitcast(bits, tf.uint32), 9), tf.int32)
    u = tf.transpose((tf.cast(whole, single) + 0.5) * 2.0**-23, [1, 0, 2])
    if dtype.size == 2:
        u = tf.minimum(u, 1.0 - 2.0**-8)  # the largest number below 1 in bfloat16
    drawn = {
        "uniform": lambda: u,
        "normal": lambda: tf.math.ndtri(u),
        "gumbel": lambda: -tf.math.log(-tf.math.log(u)),
        "logistic": lambda: tf.math.log(u) - tf.math.log1p(-u),
    }
    return tf.cast(drawn[kind](), dtype)


def dropout_mask(seed: Tensor, stream: int, shape: Tensor, rate: float, dtype: tf.DType) -> Tensor:
    """Return factors: 0 with probability ``rate``, otherwise ``1 / (1 - rate)``."""
    dropped = bernoulli(seed, stream, 0, shape, rate)
    return tf.where(dropped, tf.zeros([], dtype), tf.constant(1.0 / (1.0 - rate), dtype))
