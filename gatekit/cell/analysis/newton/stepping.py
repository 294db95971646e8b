"""The step of a cell in NumPy, for one step or for many in one operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gatekit.cell.graph import Cell
from gatekit.cell.program import lower, outs
from gatekit.cell.program.numpy_step import Array, step


class Stepping:
    """A cell's step $s_t = f_t(s_{t-1})$ for one sequence, without masks, zoneout and dropout.

    Signals that read no state are computed once.

    Args:
        cell: the built cell.
        weights: raw weights by name.
        inputs: ``time x width`` by name; ``t`` and shifted inputs may be omitted.
        first: initial values that replace those of the cell, ``width``, by state.

    Raises:
        Exception: a gate cannot compute with NumPy.
    """

    def __init__(
        self,
        cell: Cell,
        weights: Mapping[str, ArrayLike],
        inputs: Mapping[str, ArrayLike],
        first: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self.cell = cell
        program = self.program = lower(cell)
        arrays = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        raw = {f"raw:{name}": value for name, value in arrays.items()}
        self.fixed: dict[str, Any] = {**program.constants, **arrays, **raw}
        step(program, program.setup, self.fixed)
        sequences = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
        self.steps = len(sequences["x"])
        for name in cell.shifted:
            sequence = sequences[name]
            sequences.setdefault(f"{name}_prev", np.concatenate([0 * sequence[:1], sequence[:-1]]))
        sequences.setdefault("t", np.arange(1.0, self.steps + 1)[:, None])
        self.first = {
            state.name: np.broadcast_to(
                np.asarray(self.fixed[state.learned] if state.learned else state.initial, float),
                (state.width,),
            )
            for state in cell.states
        }
        self.first.update({name: np.asarray(v, float) for name, v in (first or {}).items()})
        known = program.timeless
        everything = {**self.fixed, **sequences}
        step(program, [op for op in program.step if known.issuperset(outs(op))], everything)
        self.ops = [op for op in program.step if not known.issuperset(outs(op))]
        self.env = {
            name: np.broadcast_to(value, (self.steps, *program.shapes[name]))
            for name, value in everything.items()
            if name not in self.fixed
        }

    def __call__(self, previous: Mapping[str, Array], at: slice = slice(None)) -> dict[str, Array]:
        """Return the new states, given the states before each step.

        Args:
            previous: by state, ``... x steps x width``.
            at: the steps.
        """
        env: dict[str, Any] = {**self.fixed, **{n: v[at] for n, v in self.env.items()}}
        lead = np.broadcast_shapes(*(value.shape[:-1] for value in previous.values()))
        shapes = {state.name: state.shape for state in self.cell.states}
        for name, value in previous.items():
            env[f"{name}_prev"] = value.reshape(*value.shape[:-1], *shapes[name])
        step(self.program, self.ops, env)
        return {
            name: np.broadcast_to(env[name], (*lead, *shape)).reshape(*lead, -1)
            for name, shape in shapes.items()
        }

    def shorten(self, steps: int) -> None:
        """Keep only the first ``steps`` steps."""
        self.steps = min(steps, self.steps)
        self.env = {name: value[: self.steps] for name, value in self.env.items()}
