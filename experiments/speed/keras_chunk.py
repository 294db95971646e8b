"""The cells by hand in chunks as a Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from .chunk_by_hand import IN_CHUNKS, layer_outputs
from .contender import Started
from .size import Size
from .tensorflow_step import started

UNROLLED = 32
"""The largest number of chunks over which the loop is unrolled."""


class Arrays:
    """The array functions that the cells in chunks use, in TensorFlow."""

    matmul, reshape, transpose, exp = tf.matmul, tf.reshape, tf.transpose, tf.exp
    sigmoid, silu, elu, rsqrt = tf.sigmoid, tf.nn.silu, tf.nn.elu, tf.math.rsqrt
    log_sigmoid, cumsum, sum = tf.math.log_sigmoid, tf.cumsum, tf.reduce_sum

    @staticmethod
    def constant(value: Any, like: Any) -> Any:
        """Return a NumPy array as a tensor with the type of ``like``."""
        return tf.constant(value, like.dtype)

    @staticmethod
    def pad(x: Any, more: int) -> Any:
        """Return x with ``more`` steps of zeros after its last step."""
        return tf.pad(x, [[0, 0], [0, more], [0, 0]]) if more else x

    @staticmethod
    def split(value: Any, widths: Sequence[int]) -> Any:
        """Return parts of the last axis."""
        return tf.split(value, widths, axis=-1)

    @staticmethod
    def concat(values: Sequence[Any]) -> Any:
        """Return values side by side along the last axis."""
        return tf.concat(values, -1)

    @staticmethod
    def swapped(value: Any) -> Any:
        """Return a value with its last two axes swapped."""
        return tf.linalg.matrix_transpose(value)

    @staticmethod
    def solve_unit_lower(below: Any, right: Any) -> Any:
        """Return ``(1 + below)^-1 right``, with a strictly lower triangular ``below``."""
        ones = tf.eye(below.shape[-1], dtype=below.dtype)
        return tf.linalg.triangular_solve(below + ones, right, lower=True)

    @staticmethod
    def scan(step: Callable[..., Any], values: Sequence[Any], state: Any) -> list[Any]:
        """Return what each chunk yields; ``step(state, *values)`` returns state and yields."""
        chunks = values[0].shape[2]
        if chunks <= UNROLLED:
            yielded = []
            for chunk in range(chunks):
                state, out = step(state, *(value[:, :, chunk] for value in values))
                yielded.append(out)
            return [tf.stack(parts, 2) for parts in zip(*yielded, strict=True)]
        leading = [tf.transpose(value, (2, 0, 1, 3, 4)) for value in values]
        _, out = step(state, *(value[0] for value in leading))
        before = (state, tuple(tf.zeros_like(part) for part in out))
        _, parts = tf.scan(lambda carry, entry: step(carry[0], *entry), tuple(leading), before)
        return [tf.transpose(part, (1, 2, 0, 3, 4)) for part in parts]


class InChunksLayer(keras.layers.Layer):  # type: ignore[misc]
    """A cell with a matrix as state, in chunks.

    Args:
        cell: a name in `IN_CHUNKS`.
        units: the width of the output.
        return_sequences: whether every step is returned.
    """

    def __init__(
        self, cell: str, units: int, return_sequences: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.cell, self.units, self.return_sequences = IN_CHUNKS[cell], units, return_sequences

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs ``batch x time x features``."""
        self.own = {
            name: self.add_weight(
                shape=shape,
                initializer="zeros" if len(shape) == 1 else "glorot_uniform",
                name=name.replace(".", "_"),
            )
            for name, shape in self.cell.shapes(input_shape[-1], self.units).items()
        }

    def call(self, x: Any, training: bool = False) -> Any:
        """Return the outputs of all steps, or of the last."""
        weights = {name: tf.convert_to_tensor(value) for name, value in self.own.items()}
        outputs = layer_outputs(self.cell, Arrays, weights, x, self.units)
        return outputs if self.return_sequences else outputs[:, -1]


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of the Keras layer, in graph mode or under XLA."""
    layer = InChunksLayer(cell, size.units, return_sequences=every_step)
    return started(layer, size, every_step=every_step, jit=mode == "xla", note="in chunks, by hand")
