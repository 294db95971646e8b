"""The hand-written TensorFlow LSTM that gatekit grew out of, in the style of the old tutorials.

One class, a pair of weights and a bias per gate, all drawn from N(0, 0.1); a function for the
recurrent unit and one for the output unit; a ``tf.while_loop`` that writes each step's output into
a ``TensorArray`` of fixed size. The cell ``tutorial`` of gatekit must give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

# What each weight is called in gatekit.
GATEKIT_NAMES = {
    "Wi": "input.x",
    "Ui": "input.h_prev",
    "bi": "input.bias",
    "Wf": "forget.x",
    "Uf": "forget.h_prev",
    "bf": "forget.bias",
    "Wog": "output.x",
    "Uog": "output.h_prev",
    "bog": "output.bias",
    "Wc": "candidate.x",
    "Uc": "candidate.h_prev",
    "bc": "candidate.bias",
}


class TutorialLSTM:
    """An LSTM layer with every gate written out.

    Args:
        features: the width of the input.
        units: the width of h and c.
        seed: fixes the draw of the weights.
        dtype: the type of weights and numbers.
    """

    def __init__(
        self, features: int, units: int, seed: int = 0, dtype: tf.DType = tf.float32
    ) -> None:
        self.features = features
        self.units = units
        self.dtype = dtype
        self._generator = tf.random.Generator.from_seed(seed)

        self.Wi = self.init_weight("Wi", [features, units])
        self.Ui = self.init_weight("Ui", [units, units])
        self.bi = self.init_weight("bi", [units])

        self.Wf = self.init_weight("Wf", [features, units])
        self.Uf = self.init_weight("Uf", [units, units])
        self.bf = self.init_weight("bf", [units])

        self.Wog = self.init_weight("Wog", [features, units])
        self.Uog = self.init_weight("Uog", [units, units])
        self.bog = self.init_weight("bog", [units])

        self.Wc = self.init_weight("Wc", [features, units])
        self.Uc = self.init_weight("Uc", [units, units])
        self.bc = self.init_weight("bc", [units])

        self.recurrent_unit = self.create_recurrent_unit()
        self.output_unit = self.create_output_unit()

    def init_weight(self, name: str, shape: list[int]) -> tf.Variable:
        """A variable drawn from the normal distribution with mean 0 and standard deviation 0.1."""
        values = self._generator.normal(shape, mean=0.0, stddev=0.1, dtype=self.dtype)
        return tf.Variable(values, name=name)

    def init_hidden_memory(self, batch: int | tf.Tensor) -> tf.Tensor:
        """The (h, c) before the first step: zeros, 2 x batch x units."""
        return tf.zeros([2, batch, self.units], self.dtype)

    def create_recurrent_unit(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """The function from x and the (h, c) before a step to the (h, c) after it."""

        def unit(x: tf.Tensor, hidden_memory: tf.Tensor) -> tf.Tensor:
            previous_h, previous_c = tf.unstack(hidden_memory)

            i = tf.sigmoid(tf.matmul(x, self.Wi) + tf.matmul(previous_h, self.Ui) + self.bi)
            f = tf.sigmoid(tf.matmul(x, self.Wf) + tf.matmul(previous_h, self.Uf) + self.bf)
            o = tf.sigmoid(tf.matmul(x, self.Wog) + tf.matmul(previous_h, self.Uog) + self.bog)
            candidate = tf.tanh(tf.matmul(x, self.Wc) + tf.matmul(previous_h, self.Uc) + self.bc)

            c = f * previous_c + i * candidate
            h = o * tf.tanh(c)
            return tf.stack([h, c])

        return unit

    def create_output_unit(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The function from (h, c) to what the layer emits: h, batch x units."""

        def unit(hidden_memory: tf.Tensor) -> tf.Tensor:
            h, _ = tf.unstack(hidden_memory)
            return h

        return unit

    def run(
        self, x: ArrayLike | tf.Tensor, hidden_memory: ArrayLike | tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Run the layer over a batch of sequences.

        Args:
            x: batch x time x features.
            hidden_memory: the (h, c) before the first step, 2 x batch x units; zeros if None.

        Returns:
            The outputs, batch x time x units, and the last (h, c), 2 x batch x units.
        """
        x = tf.convert_to_tensor(x, self.dtype)
        batch, time = tf.shape(x)[0], tf.shape(x)[1]
        if hidden_memory is None:
            hidden_memory = self.init_hidden_memory(batch)
        hidden_memory = tf.convert_to_tensor(hidden_memory, self.dtype)

        inputs = tf.TensorArray(self.dtype, size=time).unstack(tf.transpose(x, [1, 0, 2]))
        outputs = tf.TensorArray(self.dtype, size=time, dynamic_size=False)

        def body(t: tf.Tensor, memory: tf.Tensor, written: Any) -> tuple[tf.Tensor, ...]:
            memory = self.recurrent_unit(inputs.read(t), memory)
            return t + 1, memory, written.write(t, self.output_unit(memory))

        _, hidden_memory, outputs = tf.while_loop(
            lambda t, memory, written: t < time,
            body,
            (tf.constant(0), hidden_memory, outputs),
        )
        return tf.transpose(outputs.stack(), [1, 0, 2]), hidden_memory

    def __call__(
        self, x: ArrayLike | tf.Tensor, hidden_memory: ArrayLike | tf.Tensor | None = None
    ) -> tf.Tensor:
        """The outputs of :meth:`run`, batch x time x units."""
        return self.run(x, hidden_memory)[0]

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """The twelve variables by name."""
        return {name: getattr(self, name) for name in GATEKIT_NAMES}

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Copies of the weights by name, ``Wi`` to ``bc``."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def set_weights(self, weights: Mapping[str, ArrayLike]) -> None:
        """Replace weights by name; those that are not named stay.

        Raises:
            KeyError: a name is not one of the twelve.
        """
        for name, value in weights.items():
            self.variables[name].assign(np.asarray(value, self.dtype.as_numpy_dtype))
