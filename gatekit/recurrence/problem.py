"""What an executor is given, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell

from .masking import ValidSteps

Keys = tuple[str, ...] | bool
"""What a field has: the keys of a mapping, or whether there is a tensor."""


@dataclass(frozen=True)
class Problem:
    """One call of a recurrent layer, time first.

    Everything that can be prepared for all steps (casts, masks, dropout) already is.

    Args:
        cell: the built cell.
        weights: weights by name; parameters already through their map.
        inputs: ``time x batch x width`` by name: ``x``, further inputs, ``x_prev``, ``t``; zero at
            masked steps.
        mask: ``time x batch x 1``, true where valid, or None.
        states: the initial states by name, ``batch x width``.
        drops: multiplicative masks of recurrent reads by their text, ``batch x width``.
        seed: a scrambled seed for zoneout, or None.
        training: whether zoneout draws; otherwise it takes the mean.
        wanted: the signals whose sequences are returned.
        matmul_dtype: the type that matrix products run in.
        perturbations: what is added to states as they are computed, ``time x batch x width`` by
            name; zeros, for the gradient with respect to them. The reference executor adds them.
        valid: the valid steps of the mask, or None; for what follows the recurrence.
        carried: new values of states that no recurrence computes: last inputs, count of steps.
        resets: ``time x batch x 1``, true where the states return to `fresh` before the step, or
            None.
        fresh: the declared or learned initial states by name, ``batch x width``; empty
            without resets.
    """

    cell: Cell
    weights: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    mask: Tensor
    states: Mapping[str, Tensor]
    drops: Mapping[str, Tensor]
    seed: Tensor
    training: bool
    wanted: tuple[str, ...]
    matmul_dtype: tf.DType
    perturbations: Mapping[str, Tensor] = field(default_factory=dict)
    valid: ValidSteps | None = None
    carried: Mapping[str, Tensor] = field(default_factory=dict)
    resets: Tensor = None
    fresh: Mapping[str, Tensor] = field(default_factory=dict)

    def entering(self, states: Mapping[str, Tensor], step: Tensor) -> dict[str, Tensor]:
        r"""Return the states that a step starts from: $r_t\, s_0 + (1 - r_t)\, s_{t-1}$.

        Args:
            states: the states after the step before, ``batch x width`` by name.
            step: the index of the step.
        """
        if self.resets is None:
            return dict(states)
        reset = self.resets[step]
        return {name: tf.where(reset, self.fresh[name], value) for name, value in states.items()}


class Tensors:
    """Base of dataclasses of tensors and of mappings of tensors, which `tf.nest` flattens.

    Fields and keys keep their order; a field that is None has no tensor.
    """

    def __tf_flatten__(self) -> tuple[tuple[Keys, ...], tuple[object, ...]]:
        """Return what identifies the tensors, and the tensors."""
        keys: list[Keys] = []
        values: list[object] = []
        for field_ in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field_.name)
            if isinstance(value, Mapping):
                keys.append(tuple(value))
                values.append(tuple(value.values()))
            else:
                keys.append(value is not None)
                values.append(() if value is None else value)
        return tuple(keys), tuple(values)

    @classmethod
    def __tf_unflatten__(cls, metadata: tuple[Keys, ...], components: tuple[Any, ...]) -> Self:
        """Return the structure with other tensors."""
        values: list[object] = []
        for keys, value in zip(metadata, components, strict=True):
            if isinstance(keys, tuple):
                values.append(dict(zip(keys, value, strict=True)))
            else:
                values.append(value if keys else None)
        return cls(*values)


@dataclass(frozen=True)
class Solution(Tensors):
    """Sequences of the wanted signals, ``time x batch x width``, and the last value of every state.

    The sequence of a state holds the state after zoneout and mask; of another signal its value at
    valid steps.
    """

    sequences: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
