"""From a choice to numbers: what an executor prepares once, and the call that it runs."""

from __future__ import annotations

from gatekit.cell.analysis import chunk, newton
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.executors.fused.layout import weights_stay_cached
from gatekit.recurrence.executors.fused.schedule import LoopSchedule
from gatekit.recurrence.keras_form import KerasForm, keras_form
from gatekit.recurrence.problem import Problem, Solution

from . import cudnn, reference, unroll
from .choose import Choice, Setting
from .chunk import executor as chunks
from .fused import executor, remat, scheduler
from .linear import solve
from .newton import executor as in_parallel
from .newton.counts import NewtonCounts
from .shared_trace import solved


class Executor:
    """The executor of one built cell.

    Args:
        cell: the built cell.
        choice: which executor runs.
        setting: device and types.
        recompute: whether steps are computed again in the backward pass (``remat``).
    """

    def __init__(
        self, cell: Cell, choice: Choice, setting: Setting, recompute: bool = False
    ) -> None:
        self.cell, self.choice, self.recompute = cell, choice, recompute
        self._cached = weights_stay_cached(cell, setting)
        self._schedules: dict[tuple[str, ...], LoopSchedule] = {}
        self._affine = analyse(cell) if choice.executor in ("affine", "scan") else None
        self._parallel = chunk.analyse(cell) if choice.executor == "chunk" else None
        self._jacobian = newton.analyse(cell) if choice.executor == "newton" else None
        self.counts = NewtonCounts() if choice.executor == "newton" else None
        self._form = keras_form(cell) if choice.executor == "cudnn" else None

    def run(self, problem: Problem) -> Solution:
        """Return the sequences and last states of the recurrence.

        Args:
            problem: the call, time first.
        """
        if problem.inputs["x"].shape[0] == 0:
            return unroll.run(problem)  # XLA compiles no loop over a list without an item
        if self.counts is not None:
            # Each layer counts for itself, so that no two of them may share a function.
            return self._solve(problem)
        choice = (self.choice.executor, self.choice.inference, self._cached, self.recompute)
        return solved(problem, self._solve, choice)

    def _solve(self, problem: Problem) -> Solution:
        name = self.choice.executor
        if self.choice.inference and not problem.training and compiled():
            name = self.choice.inference
        if name == "reference":
            return reference.run(problem)
        if name == "unroll":
            return unroll.run(problem)
        if name in ("affine", "scan"):
            assert self._affine is not None
            return solve.run(problem, self._affine, name)
        if name == "chunk":
            assert self._parallel is not None
            return chunks.run(problem, self._parallel)
        if name == "newton":
            assert self._jacobian is not None
            assert self.counts is not None
            return in_parallel.run(problem, self._jacobian, self.schedule, self.counts.add)
        # cuDNN knows masks at the end of a sequence only, and not those of whole rows, and no
        # resets; XLA has no cuDNN at all.
        plain = problem.mask is None and problem.resets is None and not compiled()
        if isinstance(self._form, KerasForm) and plain:
            return cudnn.run(problem, self._form)
        schedule = self.schedule(problem.wanted)
        return remat.run(problem, schedule) if self.recompute else executor.run(problem, schedule)

    def schedule(self, wanted: tuple[str, ...]) -> LoopSchedule:
        """Return the schedule for these wanted signals, made once."""
        if wanted not in self._schedules:
            self._schedules[wanted] = scheduler.make(self.cell, wanted, self._cached)
        return self._schedules[wanted]
