"""Equal recurrences within one trace share a function, so a deep model is not traced per layer.

Tracing is most of what a first call costs. The first of several equal recurrences is traced in
place, as the only one of a shallow model always is. The second becomes a `tf.function`, which later
ones call: TensorFlow traces it, and its gradient, once. Functions are inlined before they run, so
the arithmetic and its order are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, replace
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.problem import Problem, Solution

_TENSORS = (
    *("weights", "inputs", "mask", "states", "drops", "seed", "perturbations"),
    *("resets", "fresh"),
)
_SETTINGS = ("training", "wanted", "matmul_dtype")
# No executor reads these.
_REST = ("valid", "carried")
assert {f.name for f in fields(Problem)} == {"cell", *_TENSORS, *_SETTINGS, *_REST}

# The table is an attribute of the graph that is traced, so that both end together: functions refer
# to the graph, which a weak dictionary would therefore never drop.
_TABLE = "_gatekit_functions"


def solved(problem: Problem, solve: Callable[[Problem], Solution], executor: Hashable) -> Solution:
    """Return ``solve(problem)``, traced once for all equal problems of the current trace.

    Args:
        problem: the call, time first.
        solve: the executor.
        executor: distinguishes executors that solve one problem in different ways.
    """
    # XLA would fuse operations of a function differently, and so round differently.
    if tf.executing_eagerly() or compiled():
        return solve(problem)
    tensors = {name: getattr(problem, name) for name in _TENSORS}
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, _TABLE):
        setattr(graph, _TABLE, {})
    table = getattr(graph, _TABLE)
    # The cell is kept as long as its id is a key.
    key = (
        id(problem.cell),
        executor,
        *(getattr(problem, name) for name in _SETTINGS),
        repr(tf.nest.map_structure(_kind, tensors)),
    )
    if key not in table:
        table[key] = problem.cell
        return solve(problem)
    if not callable(table[key]):
        # Without its tensors: they hold the graph, which has to end with its trace.
        nothing: dict[str, Any] = dict.fromkeys((*_TENSORS, *_REST))
        bare = replace(problem, **nothing)

        @tf.function(autograph=False)
        def recurrence(tensors: Mapping[str, Any]) -> tuple[object, ...]:
            solution = solve(replace(bare, **tensors))
            return dict(solution.sequences), dict(solution.states)

        table[key] = recurrence
    return Solution(*table[key](tensors))


def _kind(value: Tensor | None) -> tuple[str, str] | None:
    return value if value is None else (value.dtype.name, str(value.shape))
