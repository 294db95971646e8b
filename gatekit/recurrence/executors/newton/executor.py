"""Solves nonlinear cells block by block, each for all steps together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis.newton import UnitJacobian
from gatekit.cell.program import Newton
from gatekit.recurrence.executors import blockwise
from gatekit.recurrence.executors.fused.forward import Loop
from gatekit.recurrence.executors.fused.schedule import LoopSchedule
from gatekit.recurrence.executors.linear.recurrence import Vector
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.problem import Problem, Solution

from .solve import accepted_or_by_loop, newton_states, with_gradient
from .step import Step


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
    solved = [tf.ones(tf.shape(problem.inputs["x"])[1:2], tf.bool)]

    def solve(values: SharedValues, block: Newton) -> dict[str, Tensor]:
        def by_loop() -> Vector:
            loop = Loop(replace(problem, wanted=block.states), schedule(block.states))
            sequences = loop.outputs_only(loop.tensors).sequences
            return [sequences[name] for name in block.states]

        step = Step(values, block)
        states, accepted = newton_states(step)
        solved[0] &= accepted
        states, ends = with_gradient(step, accepted_or_by_loop(states, accepted, by_loop), accepted)
        values.env |= {f"{n}:held": s for n, s in zip(block.states, states, strict=True)}
        return dict(zip(block.states, ends, strict=True))

    solution = blockwise.run(problem, form.blocks, {Newton: solve})
    count(solved[0])
    return solution


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
