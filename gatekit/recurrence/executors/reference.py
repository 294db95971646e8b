"""The reference executor: one step after another, each signal by its equation.

It is short and slow, and it defines the result that every other executor must return. `unrolled`
adds each step to the graph without a loop; tracing many steps takes long.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.hold import hold
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import compute

from .loop import over_time, step_by_step


def run(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, computed by a loop over time."""
    return over_time(problem, partial(one_step, problem))


def unrolled(problem: Problem) -> Solution:
    """Return the sequences and last states of the recurrence, without a loop in the graph."""
    return step_by_step(problem, partial(one_step, problem))


def one_step(
    problem: Problem,
    step: Tensor,
    inputs: Mapping[str, Tensor],
    valid: Tensor,
    states: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Return every signal and new state of one step, ``batch x width``.

    Under a state's name, the output unit reads the state after zoneout and mask.

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
    for place, state in enumerate(cell.states):
        old, new = states[state.name], env[state.name]
        held = hold(problem, place, step, tf.shape(old), valid)
        env[state.name] = held.value(new, old)
    return env
