"""Runs the chosen executor, and traces equal recurrences of a model at most twice.

Tracing takes most of the time of a first call, so equal recurrences within one trace share a
function: a deep model is not traced layer by layer. The first of several equal recurrences is
traced in place, as is the only one of a shallow model. The second becomes a `tf.function`, which
later ones call: TensorFlow traces it, and its gradient, once. Functions are inlined before they
run, so the operations and their order do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis import chunk, newton
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.cell.program import Block, Largest, Memories, Solve
from gatekit.recurrence.executors.fused.schedule import LoopSchedule, weights_stay_cached
from gatekit.recurrence.keras_form import KerasForm, keras_form
from gatekit.recurrence.packing import compiled
from gatekit.recurrence.problem import Problem, Solution

from . import blockwise, cudnn, reference
from .choose import ROWS, ExecutorChoice, Setting
from .chunk import largest, memory, sums
from .fused import executor, scheduler
from .linear import solve
from .newton import executor as in_parallel
from .newton.executor import NewtonCounts

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
        setting: device and types.
        recompute: whether steps are computed again in the backward pass (``remat``).
    """

    def __init__(
        self, cell: Cell, choice: ExecutorChoice, setting: Setting, recompute: bool = False
    ) -> None:
        self.cell, self.choice, self.recompute = cell, choice, recompute
        self._cached = weights_stay_cached(cell, setting)
        self._schedules: dict[tuple[str, ...], LoopSchedule] = {}
        name = choice.executor
        self.counts = NewtonCounts() if name == "newton" else None
        self._form = keras_form(cell) if name == "cudnn" else None
        self._chosen: Callable[[Problem], Solution] = self._fused
        if run := ROWS[name].run:
            module, _, function = run.partition(":")
            self._chosen = getattr(import_module(f".{module}", __package__), function)
        elif name in ("affine", "scan"):
            solver = partial(solve.solve, executor=name)
            self._chosen = partial(
                blockwise.run, blocks=analyse(cell).blocks, solvers={Solve: solver}
            )
        elif name == "chunk":
            blocks = chunk.analyse(cell).blocks
            self._chosen = partial(blockwise.run, blocks=blocks, solvers=_CHUNKS)
        elif self.counts is not None:
            form, count = newton.analyse(cell), self.counts.add
            self._chosen = partial(in_parallel.run, form=form, schedule=self.schedule, count=count)

    def run(self, problem: Problem) -> Solution:
        """Return the sequences and last states of the recurrence.

        Args:
            problem: the call, time first.
        """
        if problem.inputs["x"].shape[0] == 0:
            return reference.unrolled(problem)  # XLA cannot compile a loop over an empty list
        if self.counts is not None:
            # Each layer has its own counts, so layers must not share a function.
            return self._solve(problem)
        choice = (self.choice.executor, self.choice.inference, self._cached, self.recompute)
        return solved(problem, self._solve, choice)

    def _solve(self, problem: Problem) -> Solution:
        choice = self.choice
        fused = (choice.training if problem.training else choice.inference) and compiled()
        return self._fused(problem) if fused else self._chosen(problem)

    def _fused(self, problem: Problem) -> Solution:
        """Run the fused loop, or cuDNN if it was chosen and can compute this call."""
        # cuDNN supports no resets, and masks only at the end of rows that have a valid step. XLA
        # cannot call cuDNN.
        plain = problem.mask is None and problem.resets is None and not compiled()
        if isinstance(self._form, KerasForm) and plain:
            return cudnn.run(problem, self._form)
        schedule = self.schedule(problem.wanted)
        return (executor.run_in_chunks if self.recompute else executor.run)(problem, schedule)

    def schedule(self, wanted: tuple[str, ...]) -> LoopSchedule:
        """Return the schedule for these wanted signals; it is computed once."""
        if wanted not in self._schedules:
            self._schedules[wanted] = scheduler.make(self.cell, wanted, self._cached)
        return self._schedules[wanted]


_TENSORS = (
    *("weights", "inputs", "mask", "states", "dropout_masks", "seed", "perturbations"),
    *("resets", "reset_values", "safe_states"),
)
_SETTINGS = ("training", "wanted", "matmul_dtype")
# No executor reads these.
_REST = ("valid", "carried")
assert {f.name for f in fields(Problem)} == {"cell", *_TENSORS, *_SETTINGS, *_REST}

# The table is an attribute of the graph that is being traced, so both are freed together. The
# functions refer to the graph, so a weak dictionary would never drop it.
_TABLE = "_gatekit_functions"


def solved(problem: Problem, solve: Callable[[Problem], Solution], executor: Hashable) -> Solution:
    """Return ``solve(problem)``, traced at most twice for all equal problems of the current trace.

    Args:
        problem: the call, time first.
        solve: the executor.
        executor: distinguishes executors that solve one problem in different ways.
    """
    # XLA would fuse the operations of a function differently and so round differently.
    if tf.executing_eagerly() or compiled():
        return solve(problem)
    tensors = {name: getattr(problem, name) for name in _TENSORS}
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, _TABLE):
        setattr(graph, _TABLE, {})
    table = getattr(graph, _TABLE)
    # The table keeps the cell, so its id stays unique.
    key = (
        id(problem.cell),
        executor,
        *(getattr(problem, name) for name in _SETTINGS),
        repr(tf.nest.map_structure(_signature, tensors)),
    )
    if key not in table:
        table[key] = problem.cell
        return solve(problem)
    if not callable(table[key]):
        # No tensors are kept: they refer to the graph, which must be freed after its trace.
        nothing: dict[str, Any] = dict.fromkeys((*_TENSORS, *_REST))
        bare = replace(problem, **nothing)

        @tf.function(autograph=False)
        def recurrence(tensors: Mapping[str, Any]) -> tuple[object, ...]:
            solution = solve(replace(bare, **tensors))
            return dict(solution.sequences), dict(solution.states)

        table[key] = recurrence
    return Solution(*table[key](tensors))


def _signature(value: Tensor | None) -> tuple[str, str] | None:
    return value if value is None else (value.dtype.name, str(value.shape))
