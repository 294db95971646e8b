"""The input of an executor, a `Problem`, and its output, a `Solution`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell
from gatekit.cell.program import Program, lower

from .masking import ValidSteps


@dataclass(frozen=True)
class Problem:
    """One call of a recurrent layer, time first.

    Everything that can be prepared for all steps (casts, masks, dropout) already has been.

    Args:
        cell: the built cell.
        weights: weights by name, with the maps of parameters applied.
        inputs: ``time x batch x width`` by name: ``x`` and other inputs, ``x_prev`` and ``t``. A
            masked step has those of the row's first valid step, so the first step has them too.
        mask: ``time x batch x 1``, true where valid, or None.
        states: the initial states by name, ``batch x width``.
        dropout_masks: dropout masks of recurrent reads by the read's text, ``batch x width``.
        seed: a scrambled seed for zoneout, or None.
        training: whether zoneout draws; otherwise it uses its mean.
        wanted: the signals whose sequences are returned.
        matmul_dtype: the type that matrix products run in.
        perturbations: zeros added to states as they are computed, ``time x batch x width`` by name,
            so that a gradient with respect to them exists. Only the reference executor adds them.
        valid: the valid steps, for the computations after the recurrence, or None.
        carried: new values of the states that are not computed by the recurrence: last inputs and
            the count of steps.
        resets: ``time x batch x 1``, true where the states become `reset_values` before the step,
            or None.
        reset_values: the declared or learned initial states by name, ``batch x width``; empty
            without resets.
        safe_states: the states that the row's first valid step starts from, ``batch x width`` by
            name; empty if they are `states`. See `operands`.
    """

    cell: Cell
    weights: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    mask: Tensor
    states: Mapping[str, Tensor]
    dropout_masks: Mapping[str, Tensor]
    seed: Tensor
    training: bool
    wanted: tuple[str, ...]
    matmul_dtype: tf.DType
    perturbations: Mapping[str, Tensor] = field(default_factory=dict)
    valid: ValidSteps | None = None
    carried: Mapping[str, Tensor] = field(default_factory=dict)
    resets: Tensor = None
    reset_values: Mapping[str, Tensor] = field(default_factory=dict)
    safe_states: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """The cell's program."""
        return lower(self.cell)

    def entering(self, states: Mapping[str, Tensor], step: Tensor) -> dict[str, Tensor]:
        r"""Return the states that a step starts from: $r_t\, q + (1 - r_t)\, s_{t-1}$.

        $r_t$ is 1 at a reset, otherwise 0, and $q$ are the `reset_values`.

        Args:
            states: the states after the previous step, ``batch x width`` by name.
            step: the index of the step.
        """
        if self.resets is None:
            return dict(states)
        reset = self.resets[step]
        return {
            name: tf.where(reset, self.reset_values[name], value) for name, value in states.items()
        }

    def operands(self, states: Mapping[str, Tensor], valid: Tensor) -> dict[str, Tensor]:
        """Return the states that a step computes with; they differ from `entering` if it is masked.

        With its inputs and these states, a masked step computes what the row's first valid step
        computes. The result is dropped, but its gradient, zero times a slope, must not be NaN: the
        states in which a row ends, or x of another step, may be where a slope is infinite.

        Args:
            states: the states that the step starts from, ``batch x width`` by name.
            valid: the mask of the step, ``batch x 1``, or None.
        """
        if valid is None:
            return dict(states)
        safe = self.safe_states or self.states
        return {
            name: tf.where(valid, value, tf.stop_gradient(safe[name]))
            for name, value in states.items()
        }


@dataclass(frozen=True)
class Solution:
    """Sequences of the wanted signals, ``time x batch x width``, and the last value of every state.

    The sequence of a state contains it after zoneout and mask. The sequence of any other signal is
    only meaningful at valid steps.
    """

    sequences: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
