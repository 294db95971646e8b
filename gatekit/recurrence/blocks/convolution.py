"""A short convolution over the last valid steps of a sequence."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from .order import Order


class CausalConvolution(keras.layers.Layer):
    r"""A convolution that reads the last valid inputs: masked steps are skipped.

    ``y_t = sum_k w_k x_{t-k} + b``, with $k$ from 0 to ``kernel`` - 1; steps of an earlier sequence
    count as zero. Keras' `DepthwiseConv1D` would read masked steps and look across resets.

    Args:
        kernel: the number of steps that are read.
        width: the number of outputs, with a matrix for each step; None for one weight for each
            channel and step.
        use_bias: whether a bias is added.
        seed: of the first weights.

    Reference: Dauphin et al., Language modeling with gated convolutional networks (2017),
        arXiv:1612.08083
    """

    def __init__(
        self, kernel: int, width: int | None, use_bias: bool, seed: int, **keras_options: Any
    ) -> None:
        super().__init__(**keras_options)
        self.size, self.width, self.use_bias, self.seed = kernel, width, use_bias, seed

    def build(self, input_shape: Any) -> None:
        """Create the weights."""
        fed = int(input_shape[-1])
        depthwise = self.width is None
        limit = 1 / math.sqrt(self.size if depthwise else self.size * fed)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.size, fed) if depthwise else (self.size, fed, self.width),
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.width or fed,), initializer="zeros"
            )
        self.built = True

    def call(self, x: Any, history: Any, order: Order) -> tuple[Any, Any]:
        """Return the output, and the inputs that the next call has to know.

        Args:
            x: ``batch x time x width``, finite where masked.
            history: the last inputs before x, ``batch x (kernel - 1) x width``.
            order: the valid steps of x.
        """
        before = self.size - 1
        packed = tf.concat([history, order.packed(x)], 1)
        current, segments = order.segments, None
        if current is not None:
            earlier = tf.zeros([tf.shape(x)[0], before], tf.int32)
            segments = tf.concat([earlier, order.packed(current)], 1)
        kernel = tf.convert_to_tensor(self.kernel)
        total: Any = 0.0
        for back in range(self.size):
            tap = order.taken(packed, before - back)
            if current is not None and back:
                same = order.taken(segments, before - back) == current
                tap = tf.where(same[:, :, None], tap, tf.zeros_like(tap))
            weight = kernel[back]
            total += tap * weight if self.width is None else tf.matmul(tap, weight)
        if self.use_bias:
            total += tf.convert_to_tensor(self.bias)
        last = order.last(packed, before)
        if current is not None:
            same = order.last(segments, before) == current[:, -1:]
            last = tf.where(same[:, :, None], last, tf.zeros_like(last))
        return total, last
