"""The reference executor: one step after another, each signal by its equation.

TensorFlow differentiates it. It is short and slow, and it defines the result that every other
executor must return. `unrolled` adds each step to the graph without a loop, for runtimes that have
no loops and for very short sequences. Tracing many steps takes long.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError
from gatekit.recurrence.hold import hold
from gatekit.recurrence.packing import stacked
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import compute


@tf.autograph.experimental.do_not_convert
def run(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, computed by a loop over time.

    Args:
        problem: the call, time first.
    """
    cell = problem.cell
    names = [s.name for s in cell.states]
    x = problem.inputs["x"]
    steps = tf.shape(x)[0]

    def body(
        step: Tensor, states: tuple[Tensor, ...], arrays: tuple[tf.TensorArray, ...]
    ) -> tuple[object, ...]:
        inputs = {name: sequence[step] for name, sequence in problem.inputs.items()}
        valid = None if problem.mask is None else problem.mask[step]
        before = problem.entering(dict(zip(names, states, strict=True)), step)
        values = one_step(problem, step, inputs, valid, before)
        written = [a.write(step, values[n]) for a, n in zip(arrays, problem.wanted, strict=True)]
        return step + 1, tuple(values[f"state:{n}"] for n in names), tuple(written)

    arrays = tuple(
        tf.TensorArray(x.dtype, size=steps, element_shape=[x.shape[1], cell.widths[n]])
        for n in problem.wanted
    )
    _, states, arrays = tf.while_loop(
        lambda step, *_: step < steps,
        body,
        (tf.constant(0), tuple(problem.states[n] for n in names), arrays),
        maximum_iterations=steps,
        parallel_iterations=1,
    )
    sequences = {}
    for name, array in zip(problem.wanted, arrays, strict=True):
        sequence = stacked(array, [tf.shape(x)[1], cell.widths[name]])
        sequences[name] = tf.ensure_shape(sequence, [x.shape[0], x.shape[1], cell.widths[name]])
    return Solution(sequences, dict(zip(names, states, strict=True)))


def one_step(
    problem: Problem,
    step: Tensor,
    inputs: Mapping[str, Tensor],
    valid: Tensor,
    states: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Return every signal of one step, ``batch x width``, and each new state under ``state:NAME``.

    Args:
        problem: the call.
        step: the index of the step, int32; it selects zoneout's draws and the perturbations.
        inputs: the inputs at this step, ``batch x width``.
        valid: ``batch x 1``, or None if every row is valid.
        states: the states that the step starts from.
    """
    cell = problem.cell
    env: dict[str, Tensor] = {**cell.constants, **problem.weights, **inputs}
    operands = problem.operands(states, valid)
    env.update({f"{name}_prev": value for name, value in operands.items()})

    for node in cell.nodes:
        compute(problem, node.signals, env, inputs["x"])
        for name in node.signals:
            if name in problem.perturbations:
                env[name] += problem.perturbations[name][step]
    for index, state in enumerate(cell.states):
        old, new = states[state.name], env[state.name]
        shape = tf.shape(old) if state.zoneout else None
        held = hold(problem, index, step, shape, valid)
        env[f"state:{state.name}"] = held.value(new, old)
    # Under a state's name, the output unit reads the state after zoneout and mask.
    env.update({s.name: env[f"state:{s.name}"] for s in cell.states})
    return env


@tf.autograph.experimental.do_not_convert
def unrolled(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, without a loop in the graph.

    Args:
        problem: the call, time first; the number of steps must be known.

    Raises:
        DataError: the number of steps is not known.
    """
    x = problem.inputs["x"]
    if x.shape[0] is None:
        raise DataError(
            "executor='unroll' needs a known number of steps, but the input's time is None: give "
            "keras.Input((time, features)) a number, or use executor=auto"
        )
    states = dict(problem.states)
    written: dict[str, list[Tensor]] = {name: [] for name in problem.wanted}
    for step in range(x.shape[0]):
        inputs = {name: sequence[step] for name, sequence in problem.inputs.items()}
        valid = None if problem.mask is None else problem.mask[step]
        before = problem.entering(states, step)
        values = one_step(problem, tf.constant(step), inputs, valid, before)
        states = {name: values[f"state:{name}"] for name in states}
        for name in problem.wanted:
            written[name].append(values[name])
    sequences = {
        name: tf.stack(steps)
        if steps
        else tf.zeros(tf.stack([0, tf.shape(x)[1], problem.cell.widths[name]]), x.dtype)
        for name, steps in written.items()
    }
    return Solution(sequences, states)
