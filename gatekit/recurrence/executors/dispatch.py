"""Runs the chosen executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from gatekit.cell.analysis import chunk
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.cell.program import Block, Largest, Memories, Solve
from gatekit.recurrence.packing import compiled
from gatekit.recurrence.problem import Problem, Solution

from . import blockwise, reference, stacked
from .choose import ExecutorChoice
from .chunk import largest, memory, sums
from .linear import solve

_LOOPS: Mapping[str, Callable[[Problem], Solution]] = {
    "reference": reference.run,
    "stacked": stacked.run,
    "unroll": reference.unrolled,
}

_CHUNKS: dict[type[Block], blockwise.Solver] = {
    Solve: sums.solve,
    Largest: largest.solve,
    Memories: memory.solve,
}


class Executor:
    """The executor of one built cell.

    Args:
        cell: the built cell.
        choice: which executor runs.
    """

    def __init__(self, cell: Cell, choice: ExecutorChoice) -> None:
        self.choice, self._run = choice, _function(cell, choice.executor)

    def run(self, problem: Problem) -> Solution:
        """Return the sequences and last states of the recurrence.

        Args:
            problem: the call, time first.
        """
        if problem.inputs["x"].shape[0] == 0:
            return reference.unrolled(problem)  # XLA cannot compile a loop over an empty list
        other = self.choice.training if problem.training else self.choice.inference
        return stacked.run(problem) if other and compiled() else self._run(problem)


def _function(cell: Cell, executor: str) -> Callable[[Problem], Solution]:
    """Return the function that solves a problem of a cell by an executor."""
    if executor in ("affine", "scan"):
        solvers: Mapping[type[Block], blockwise.Solver] = {
            Solve: partial(solve.solve, executor=executor)
        }
        return partial(blockwise.run, blocks=analyse(cell).blocks, solvers=solvers)
    if executor == "chunk":
        return partial(blockwise.run, blocks=chunk.analyse(cell).blocks, solvers=_CHUNKS)
    return _LOOPS[executor]
