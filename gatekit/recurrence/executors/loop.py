"""The recurrence over time, for any computation of one step; TensorFlow differentiates it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError
from gatekit.recurrence.packing import bound, stacked, unstack
from gatekit.recurrence.problem import Problem, Solution

Step = Callable[[Tensor, Mapping[str, Tensor], Tensor, dict[str, Tensor]], dict[str, Tensor]]
"""Takes the index of a step, int32, its inputs by name, its mask or None, and the states that it
starts from. Returns every signal and state by name, ``batch x width``."""


@tf.autograph.experimental.do_not_convert
def over_time(problem: Problem, one_step: Step) -> Solution:
    """Return the sequences and last states of the recurrence, computed by a loop.

    Args:
        problem: the call, time first.
        one_step: the computation of one step.
    """
    cell, x = problem.cell, problem.inputs["x"]
    names, steps = [state.name for state in cell.states], tf.shape(x)[0]
    rows = {n: unstack(value, (x.shape[0], x.shape[1])) for n, value in problem.inputs.items()}

    def body(
        step: Tensor, states: tuple[Tensor, ...], arrays: tuple[tf.TensorArray, ...]
    ) -> tuple[object, ...]:
        inputs = {name: row.read(step) for name, row in rows.items()}
        valid = None if problem.mask is None else problem.mask[step]
        before = problem.entering(dict(zip(names, states, strict=True)), step)
        values = one_step(step, inputs, valid, before)
        written = [a.write(step, values[n]) for a, n in zip(arrays, problem.wanted, strict=True)]
        return step + 1, tuple(values[name] for name in names), tuple(written)

    arrays = tuple(
        tf.TensorArray(x.dtype, size=steps, element_shape=[x.shape[1], cell.widths[n]])
        for n in problem.wanted
    )
    _, states, arrays = tf.while_loop(
        lambda step, *_: step < steps,
        body,
        (tf.constant(0), tuple(problem.states[name] for name in names), arrays),
        maximum_iterations=bound(steps),
        parallel_iterations=1,
    )
    sequences = {}
    for name, array in zip(problem.wanted, arrays, strict=True):
        sequence = stacked(array, [tf.shape(x)[1], cell.widths[name]])
        sequences[name] = tf.ensure_shape(sequence, [x.shape[0], x.shape[1], cell.widths[name]])
    return Solution(sequences, dict(zip(names, states, strict=True)))


@tf.autograph.experimental.do_not_convert
def step_by_step(problem: Problem, one_step: Step) -> Solution:
    """Return the sequences and last states of the recurrence, without a loop in the graph.

    Args:
        problem: the call, time first; the number of steps must be known.
        one_step: the computation of one step.

    Raises:
        DataError: the number of steps is not known.
    """
    x = problem.inputs["x"]
    if x.shape[0] is None:
        raise DataError(
            "executor='unroll' needs a known number of steps, but the input's time is None"
        )
    states = dict(problem.states)
    written: dict[str, list[Tensor]] = {name: [] for name in problem.wanted}
    for step in range(x.shape[0]):
        inputs = {name: sequence[step] for name, sequence in problem.inputs.items()}
        valid = None if problem.mask is None else problem.mask[step]
        values = one_step(tf.constant(step), inputs, valid, problem.entering(states, step))
        states = {name: values[name] for name in states}
        for name in problem.wanted:
            written[name].append(values[name])
    sequences = {
        name: tf.stack(steps)
        if steps
        else tf.zeros(tf.stack([0, tf.shape(x)[1], problem.cell.widths[name]]), x.dtype)
        for name, steps in written.items()
    }
    return Solution(sequences, states)
