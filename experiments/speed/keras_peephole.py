"""The peephole LSTM as a Keras user would write it who cares for speed."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class PeepholeCell(keras.layers.Layer):  # type: ignore[misc]
    """An LSTM cell whose gates see the memory, for `keras.layers.RNN`.

    ``input, forget = sigmoid(.. + p c_prev)``, ``output = sigmoid(.. + p c)``; the weights of all
    gates are stacked, so that a step has one product with x and one with h. Order: input, forget,
    candidate, output.

    Args:
        units: the width of h and c.

    Reference: Gers, Schraudolph & Schmidhuber, Learning Precise Timing with LSTM Recurrent
    Networks (2002), JMLR 3:115-143
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Create the stacked weights for inputs ``batch x features``."""
        units = self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(units, 4 * units), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(4 * units,), initializer="zeros", name="bias")
        self.peephole = self.add_weight(
            shape=(3, units), initializer="glorot_uniform", name="peephole"
        )

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        """Return h, ``batch x units``, and the new states [h, c]."""
        h, c = states
        pre = tf.matmul(inputs, self.kernel) + tf.matmul(h, self.recurrent_kernel) + self.bias
        pre_input, pre_forget, pre_candidate, pre_output = tf.split(pre, 4, axis=-1)
        p_input, p_forget, p_output = tf.unstack(self.peephole, 3)
        input_gate = tf.sigmoid(pre_input + p_input * c)
        forget_gate = tf.sigmoid(pre_forget + p_forget * c)
        c = forget_gate * c + input_gate * tf.tanh(pre_candidate)
        h = tf.sigmoid(pre_output + p_output * c) * tf.tanh(c)
        return h, [h, c]
