"""The unrolled executor: a fixed number of steps written out, without any loop in the graph.

It is for export to runtimes that know no loops, and for very short sequences; tracing takes long
where there are many steps.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError
from gatekit.recurrence.problem import Problem, Solution

from .reference import one_step


@tf.autograph.experimental.do_not_convert
def run(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, every step an operation of its own.

    Args:
        problem: the call, time first; the number of steps must be known.

    Raises:
        DataError: the number of steps is not known.
    """
    x = problem.inputs["x"]
    if x.shape[0] is None:
        raise DataError(
            "executor='unroll' needs a known number of steps, and the input's time is None: give "
            "keras.Input((time, features)) a number, or use executor=auto"
        )
    states = dict(problem.states)
    found: dict[str, list[Tensor]] = {name: [] for name in problem.wanted}
    for step in range(x.shape[0]):
        inputs = {name: sequence[step] for name, sequence in problem.inputs.items()}
        valid = None if problem.mask is None else problem.mask[step]
        before = problem.entering(states, step)
        values = one_step(problem, tf.constant(step), inputs, valid, before)
        states = {name: values[f"state:{name}"] for name in states}
        for name in problem.wanted:
            found[name].append(values[name])
    sequences = {
        name: tf.stack(steps)
        if steps
        else tf.zeros(tf.stack([0, tf.shape(x)[1], problem.cell.widths[name]]), x.dtype)
        for name, steps in found.items()
    }
    return Solution(sequences, states)
