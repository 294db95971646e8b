"""A reference cell as tests use it: its step, its states, its weights, and where it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .functions import Array
from .run import Step

Start = Callable[[np.random.Generator, int, int], dict[str, Array]]


class Case(NamedTuple):
    """A witness of one cell.

    Args:
        step: ``step(x, states, w)``.
        states: the names of the states as the layer knows them, what the cell emits first if that
            is a state at all.
        shapes: ``shapes(features, units)``, the shapes of the weights by name.
        cell: the bundled cell that it witnesses; by default the one of the case's own name.
        config: keys merged into that cell's mapping, such as ``{"constants": {"chunk": 2}}``.
        widths: ``widths(units)``, the widths of the states that are not as wide as the cell; a
            matrix is as wide as it has elements.
        start: ``start(rng, batch, units)``, states to begin from where not any number will do.
        inputs: the widths of further inputs by name; they are the last columns of the x of
            ``step``, which is ``columns`` wide.
        features, units: the sizes at which the cell is tested.
        flat: weights and states whose gradient may be zero, and ``x`` where that of some elements
            may be; each with a reason in the module.
        tolerance: how far the layer may be from the witness, absolute and relative, in float64.
    """

    step: Step
    states: tuple[str, ...]
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]]
    cell: str = ""
    config: Mapping[str, Any] = {}
    widths: Callable[[int], dict[str, int]] = lambda units: {}
    start: Start = lambda rng, batch, units: {}
    inputs: Mapping[str, int] = {}
    features: int = 2
    units: int = 4
    flat: tuple[str, ...] = ()
    tolerance: float = 1e-12

    @property
    def columns(self) -> int:
        """The width of all inputs together."""
        return self.features + sum(self.inputs.values())

    def width(self, state: str) -> int:
        """The width of a state."""
        return self.widths(self.units).get(state, self.units)

    def zeros(self, batch: int) -> dict[str, Array]:
        """Zeros, batch x width, for each state."""
        return {name: np.zeros((batch, self.width(name))) for name in self.states}

    def drawn_states(self, rng: np.random.Generator, batch: int) -> dict[str, Array]:
        """Random states, batch x width, of the kind that the cell can be in."""
        drawn = {name: rng.standard_normal((batch, self.width(name))) for name in self.states}
        return drawn | self.start(rng, batch, self.units)
