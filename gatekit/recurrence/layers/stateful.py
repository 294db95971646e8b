"""The states that a stateful layer keeps between calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from gatekit.cell.errors import DataError


class KeptStates(tf.Module):
    """Variables that are saved with a `SavedModel` but are not weights of the layer.

    Keras collects weights from lists and variables that are attributes of a layer, and not from a
    `tf.Module`; TensorFlow tracks it, so that an exported model holds the variables.

    Args:
        shapes: the shape of each state by name, with the batch size first.
        first: returns the first values by name.
        dtype: the type of the states.
    """

    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        first: Callable[[], Mapping[str, Any]],
        dtype: Any,
    ) -> None:
        super().__init__()
        self._first = first
        self.batch = int(next(iter(shapes.values()))[0]) if shapes else None
        self.by_name = {
            name: keras.Variable(
                lambda shape, dtype=None, name=name: tf.cast(first()[name], dtype),
                shape=tuple(shape),
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

    def assign(self, values: Mapping[str, Any]) -> None:
        """Keep these values, given by name."""
        for name, variable in self.by_name.items():
            variable.assign(values[name])

    def values(self) -> dict[str, Any]:
        """Return the kept values by name."""
        return {name: tf.convert_to_tensor(v) for name, v in self.by_name.items()}

    def check(self, layer: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
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
