"""A recurrent layer whose states go on from one window of its streams to the next."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gatekit.recurrence.layers.rnn import RNN
from gatekit.recurrence.layers.states import KeptStates, state_shapes


class CarryingRNN(RNN):
    """A recurrent layer for truncated back-propagation.

    A stream that begins starts from the first states, which may be learned. Any other starts from
    the states in which the window before ended; no gradient flows into these. Training has states
    of its own, so that evaluation in between does not disturb it.

    Args:
        arguments: those of `gatekit.RNN`.
        batch: the number of streams.

    Attributes:
        carried: the states of the training streams.
    """

    carried: KeptStates
    evaluated: KeptStates

    def __init__(self, *arguments: Any, batch: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.batch = batch

    def build(self, input_shape: Any) -> None:
        """Create the weights, and variables for the states."""
        super().build(input_shape)
        shapes = state_shapes(self.cell, self.batch)
        self.carried, self.evaluated = (
            KeptStates(shapes, lambda: self._first_states(self.batch), self.variable_dtype)
            for _ in range(2)
        )

    def call(
        self,
        inputs: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
        begins: Any = None,
    ) -> Any:
        """Return the outputs of a window, and keep its last states.

        Args:
            inputs: ``batch x time x features``; a batch of another size is read from its beginning,
                and nothing is kept.
            initial_state: not used; the states are those that were kept.
            mask: ``batch x time`` booleans, true where valid.
            training: whether these are training data.
            begins: ``batch`` booleans, true where a stream begins.

        Returns:
            ``batch x time x units`` or ``batch x units``.
        """
        self._kept = None
        if inputs.shape[0] in (None, self.batch):
            self._kept = self.carried if training else self.evaluated
            first, kept = self._first_states(self.batch), self._kept.values()
            initial_state = {
                name: tf.where(
                    tf.reshape(begins, [self.batch, *[1] * (len(value.shape) - 1)]),
                    first[name],
                    value,
                )
                for name, value in kept.items()
            }
        return super().call(inputs, initial_state, mask, training)
