"""Solves nonlinear cells block by block, each for all steps together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis.newton import UnitJacobian
from gatekit.recurrence.executors.fused.forward import Loop
from gatekit.recurrence.executors.fused.schedule import LoopSchedule
from gatekit.recurrence.executors.linear.recurrence import Vector
from gatekit.recurrence.executors.linear.solve import shared_products, state_of
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.problem import Problem, Solution

from .solve import accepted_or_by_loop, newton_states, with_gradient
from .step import Step


@tf.autograph.experimental.do_not_convert
def run(
    problem: Problem,
    form: UnitJacobian,
    schedule: Callable[[tuple[str, ...]], LoopSchedule],
    count: Callable[[Tensor], None],
) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        form: the cell's blocks; `gatekit.cell.analysis.newton.analyse(cell)`.
        schedule: returns the schedule of the fused loop for these wanted signals.
        count: called once with booleans, ``batch``: which sequences Newton's method solved.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    cell, like = problem.cell, problem.inputs["x"]
    env: dict[str, Tensor] = {**cell.constants, **problem.weights, **problem.inputs}
    products = shared_products(problem, env, ())
    sequences: dict[str, Tensor] = {}
    last: dict[str, Tensor] = {}
    solved = tf.ones(tf.shape(like)[1:2], tf.bool)

    for node in cell.nodes:
        if node.hoisted:
            products.compute(node)
    for block in form.blocks:
        step = Step(problem, block, env, products)

        def by_loop(names: tuple[str, ...] = block.states) -> Vector:
            loop = Loop(replace(problem, wanted=names), schedule(names))
            sequences = loop.outputs_only(loop.tensors).sequences
            return [sequences[name] for name in names]

        states, accepted = newton_states(step)
        solved &= accepted
        states, ends = with_gradient(step, accepted_or_by_loop(states, accepted, by_loop), accepted)
        last.update(zip(block.states, ends, strict=True))
        sequences.update(zip(block.states, states, strict=True))
        for name, value in zip(block.states, step.before(states), strict=True):
            env[f"{name}_prev"] = harmless(problem.mask, value)
        for name in block.nodes:
            node = cell.node(name)
            own = node.kind == "equation" and name in block.states
            # A held state differs from the value of its equation, which other signals read. An
            # exponent that is bounded with that value may overflow with the held one.
            if own and problem.mask is None and not state_of(cell, name).zoneout:
                env[name] = sequences[name]
            else:
                products.compute(node)
    count(solved)
    wanted = {name: sequences.get(name, env.get(name)) for name in problem.wanted}
    return Solution(wanted, {state.name: last[state.name] for state in cell.states})


class NewtonCounts(tf.Module):
    """Counts the solved sequences, in a variable of the `SavedModel` that is not a weight.

    Attributes:
        variable: how many sequences were solved since the layer was built, and how many of them by
            the fused loop; two int64, not trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.variable = keras.Variable(
            lambda shape, dtype=None: tf.zeros(shape, dtype),
            shape=(2,),
            dtype="int64",
            trainable=False,
            autocast=False,
            name="newton_counts",
        )

    def add(self, solved: Tensor) -> None:
        """Count the sequences of a call.

        Args:
            solved: which sequences Newton's method solved, booleans ``batch``.
        """
        failed = tf.reduce_sum(tf.cast(~solved, tf.int64))
        total = tf.cast(tf.size(solved), tf.int64)
        self.variable.assign(self.variable.value + tf.stack([total, failed]))

    def read(self) -> tuple[int, int]:
        """Return how many sequences were solved, and how many of them by the fused loop."""
        total, failed = self.variable.numpy().tolist()
        return total, failed
