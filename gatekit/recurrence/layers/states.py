"""The states of a layer: the cell's, shifted inputs, counts and histories; kept between calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError
from gatekit.cell.graph import Cell

from .inputs import Shape


def state_names(cell: Cell) -> tuple[str, ...]:
    """Return the states by name, in the order in which they are returned and given."""
    return tuple(state_shapes(cell, None))


def state_shapes(cell: Cell, batch: int | Tensor | None) -> dict[str, Shape]:
    """Return the shape of each state by name, in their public order."""
    shapes: dict[str, Shape] = {s.name: (batch, s.width) for s in cell.states}
    shapes.update({name: (batch, cell.inputs[name]) for name in cell.shifted})
    if cell.uses_t:
        shapes["t"] = (batch, 1)
    for name, length in cell.output.histories:
        shapes[f"{name}_history"] = (batch, length - 1, cell.widths[name])
    return shapes


def first_states(
    cell: Cell, batch: int | Tensor, variables: Mapping[str, Tensor], dtype: str
) -> dict[str, Tensor]:
    """Return the first value of each state by name, ``batch x width``.

    Args:
        cell: the built cell.
        batch: the number of rows.
        variables: the weights by name; learned first values are among them.
        dtype: the type of states.
    """
    first: dict[str, Tensor] = {}
    for state in cell.states:
        shape = tf.stack([batch, state.width])
        if state.learned:
            learned = tf.convert_to_tensor(variables[state.learned])
            first[state.name] = tf.broadcast_to(learned, shape)
        else:
            first[state.name] = tf.fill(shape, tf.constant(state.initial, dtype))
    for name, full in state_shapes(cell, batch).items():
        if name not in first:
            first[name] = tf.zeros(tf.stack(list(full)), dtype)
    return first


class KeptStates(tf.Module):
    """Variables that are saved with a `SavedModel` but are not weights of the layer.

    Keras collects weights from lists and variables that are attributes of a layer, and not from a
    `tf.Module`; TensorFlow tracks it, so that an exported model holds the variables.

    Args:
        batch: the batch size.
        shapes: the shape of each state by name, with the batch size first.
        first: returns the first values by name.
        dtype: the type of the states.
    """

    def __init__(
        self,
        batch: int,
        shapes: Mapping[str, Shape],
        first: Callable[[], Mapping[str, Tensor]],
        dtype: str,
    ) -> None:
        super().__init__()
        self._first = first
        self.batch = batch
        self.by_name = {
            name: keras.Variable(
                lambda shape, dtype=None, name=name: tf.cast(first()[name], dtype),
                shape=shape,
                dtype=dtype,
                trainable=False,
                autocast=False,
                name=f"kept.{name}",
            )
            for name, shape in shapes.items()
        }

    def reset(self) -> None:
        """Set the states to their first values."""
        self.assign(self._first())

    def assign(self, values: Mapping[str, Tensor]) -> None:
        """Keep these values, given by name."""
        for name, variable in self.by_name.items():
            variable.assign(values[name])

    def values(self) -> dict[str, Tensor]:
        """Return the kept values by name."""
        return {name: tf.convert_to_tensor(v) for name, v in self.by_name.items()}

    def check(self, layer: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs with the batch size of the kept states.

        Args:
            layer: the layer's name.
            inputs: inputs by name, ``batch x time x width``.

        Raises:
            DataError: the inputs have another batch size. If only a running graph finds that out,
                TensorFlow raises `tf.errors.InvalidArgumentError`, which names this operation.
        """
        x = inputs["x"]
        if x.shape[0] not in (None, self.batch):
            raise DataError(
                f"the layer {layer!r} is stateful and keeps the states of {self.batch} sequences, "
                f"and this batch has {x.shape[0]}: give it batches of {self.batch} "
                f"(Dataset.batch({self.batch}, drop_remainder=True)), or build a layer for "
                f"keras.Input(batch_shape=({x.shape[0]}, time, features)) and move the weights by "
                "set_weights(other.get_weights())"
            )
        name = f"stateful_layer_needs_batches_of_{self.batch}"
        return {**inputs, "x": tf.ensure_shape(x, [self.batch, *x.shape[1:]], name=name)}
