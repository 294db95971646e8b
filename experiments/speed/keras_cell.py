"""Any of the cells by hand as a cell for `keras.layers.RNN`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from . import arrays_tensorflow
from .by_hand import BY_HAND
from .contender import Started
from .size import Size
from .tensorflow_step import started


class HandCell(keras.layers.Layer):  # type: ignore[misc]
    """A cell for `keras.layers.RNN`, with stacked weights.

    Args:
        cell: a name in `BY_HAND`.
        units: the width of states and output.
    """

    def __init__(self, cell: str, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.cell, self.units = BY_HAND[cell], units
        self.state_size = [units] * self.cell.states
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Create the stacked weights for inputs ``batch x features``."""
        self.stacks = {}
        for name, shape in self.cell.shapes(input_shape[-1], self.units).items():
            vector = "ones" if name.endswith("scale") else "zeros"
            initializer = "glorot_uniform" if len(shape) == 2 else vector
            self.stacks[name] = self.add_weight(shape=shape, initializer=initializer, name=name)

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return the first states, each ``batch x units``."""
        shape = (batch_size, self.units)
        values = [self.cell.first.get(index, 0.0) for index in range(self.cell.states)]
        return [tf.fill(shape, tf.cast(value, self.compute_dtype)) for value in values]

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        """Return the output, ``batch x units``, and the new states."""
        weights = {name: tf.convert_to_tensor(value) for name, value in self.stacks.items()}
        z = tf.matmul(inputs, weights["kernel"])
        if "bias" in weights:
            z = z + weights["bias"]
        output, new = self.cell.step(arrays_tensorflow, weights, z, *states)
        return output, list(new)


def layer(cell: str, units: int, **options: Any) -> Any:
    """Return `keras.layers.RNN` over the cell by hand."""
    return keras.layers.RNN(HandCell(cell, units, dtype=options.get("dtype")), **options)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of the Keras cell: a loop, the loop under XLA, or unrolled."""
    options = {"return_sequences": every_step, "unroll": mode == "unrolled"}
    built = layer(cell, size.units, **options)
    return started(built, size, every_step=every_step, jit=mode == "xla", note="a cell by hand")
