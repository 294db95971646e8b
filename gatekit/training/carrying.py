"""Layers whose states are carried from one window of their streams to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence import noise
from gatekit.recurrence.blocks.layer import BlockLayer
from gatekit.recurrence.layers.rnn import RNN
from gatekit.recurrence.layers.sequence_layer import KeptStates, SequenceLayer


class CarriedStates:
    """The states of streams.

    At its beginning, a stream starts from the initial states, which may be learned. Later windows
    start from the final states of the window before; no gradient flows into these. Training and
    evaluation have separate states, so evaluation does not disturb training.

    Args:
        batch: the number of streams.
        shapes: the shape of each state by name, with the number of streams first.
        first: returns the initial states by name.
        dtype: the type of the states.
    """

    def __init__(
        self,
        batch: int,
        shapes: Mapping[str, Any],
        first: Callable[[], Mapping[str, Any]],
        dtype: str,
    ) -> None:
        self._first = first
        self.trained, self.evaluated = (KeptStates(batch, shapes, first, dtype) for _ in range(2))

    def of(self, inputs: Tensor, training: bool) -> KeptStates | None:
        """Return the states of the inputs' streams; None if the batch has another size: then it
        starts from the initial states, and its last states are not kept."""
        kept, rows = self.trained if training else self.evaluated, noise.shard()
        if rows is not None and rows.whole == kept.batch:
            return KeptRows(kept, rows)
        return kept if inputs.shape[0] in (None, kept.batch) else None

    def going_on(self, kept: KeptStates | None, begins: Any) -> dict[str, Any] | None:
        """Return the states from which a window starts.

        Args:
            kept: the states at the end of the window before.
            begins: ``batch`` booleans, true where a stream begins.
        """
        if kept is None:
            return None
        first = self._first()
        if isinstance(kept, KeptRows):
            first = {name: kept.rows.of(value) for name, value in first.items()}

        def chosen(name: str, value: Tensor) -> Tensor:
            begin = tf.reshape(begins, [kept.batch, *[1] * (len(value.shape) - 1)])
            return tf.where(begin, first[name], value)

        return {name: chosen(name, value) for name, value in kept.values().items()}


class KeptRows(KeptStates):
    """Some rows of the states of streams.

    Args:
        whole: the states of all streams.
        rows: the rows.
    """

    def __init__(self, whole: KeptStates, rows: noise.Shard) -> None:
        self.batch, self.by_name, self.rows = rows.rows, whole.by_name, rows

    def assign(self, values: Mapping[str, Tensor]) -> None:
        """Leave the values, given by name, to the shard, which stores those of all rows."""
        self.rows.kept.extend((self.by_name[name], value) for name, value in values.items())

    def values(self) -> dict[str, Tensor]:
        """Return the stored values of these rows by name."""
        return {name: self.rows.of(value) for name, value in super().values().items()}


class Carrying(SequenceLayer):
    """The common base of `CarryingRNN` and `CarryingBlock`.

    Args:
        arguments: the arguments of the layer.
        batch: the number of streams.

    Attributes:
        carried: the states of the streams.
    """

    carried: CarriedStates

    def __init__(self, *arguments: Any, batch: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.batch = batch

    def build(self, input_shape: Any) -> None:
        """Create the weights, and variables for the states."""
        super().build(input_shape)
        shapes, first = self.state_shapes(self.batch), partial(self.initial_states, self.batch)
        self.carried = CarriedStates(self.batch, shapes, first, self.variable_dtype)

    def call(
        self,
        inputs: Tensor,
        initial_state: object = None,
        mask: Tensor | None = None,
        training: bool = False,
        resets: Tensor | None = None,
        begins: Tensor | None = None,
    ) -> Tensor:
        """Return the outputs of a window, and keep its last states.

        Args:
            inputs: ``batch x time x features``.
            initial_state: not used; the states are carried.
            mask: ``batch x time`` booleans, true where valid.
            training: whether these are training data.
            resets: ``batch x time`` booleans, true where a new sequence begins within a stream.
            begins: ``batch`` booleans, true where a stream begins.

        Returns:
            ``batch x time x units`` or ``batch x units``.
        """
        self._kept = self.carried.of(inputs, training)
        states = self.carried.going_on(self._kept, begins)
        return super().call(inputs, states, mask=mask, training=training, resets=resets)


class CarryingRNN(Carrying, RNN):
    """A recurrent layer for truncated back-propagation."""


class CarryingBlock(Carrying, BlockLayer):  # type: ignore[misc]  # the order of arguments
    """A block for truncated back-propagation; its convolutions' last inputs are carried, too."""
