"""One block's step for all t: its values, and its Jacobian with respect to previous states."""

from __future__ import annotations

import tensorflow as tf

from gatekit.cell.program import Newton, outs
from gatekit.recurrence.executors.linear import recurrence
from gatekit.recurrence.executors.linear.recurrence import Matrix, Vector
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.hold import hold_always
from gatekit.recurrence.step import ProgramValues


class Step:
    """The step of a block's states, $s_t = f_t(s_{t-1})$, for all t.

    Args:
        values: the values at all steps, including those of earlier blocks.
        block: the block.
    """

    def __init__(self, values: SharedValues, block: Newton) -> None:
        problem = self.problem = values.problem
        self.block, self.added = block, values.added
        self.first = [problem.states[name] for name in block.states]
        self.reset_values = [problem.reset_values.get(name) for name in block.states]
        # Products of known values are computed here, outside any loop.
        self.known = values.env | {name: values[name] for name in block.reads}
        places = {hold.new: hold.place for hold in values.program.holds}
        self.signals = [n for op in block.ops for n in outs(op) if n in values.program.signals]
        x = problem.inputs["x"]
        self.holds = []
        for name, first in zip(block.states, self.first, strict=True):
            like = tf.broadcast_to(first, tf.concat([tf.shape(x)[:1], tf.shape(first)], 0))
            self.holds.append(hold_always(problem, places[name], like))

    def guess(self) -> Vector:
        """Return each state's initial value at all steps, ``time x batch x width``."""
        x = self.problem.inputs["x"]
        return [
            tf.ensure_shape(
                tf.broadcast_to(first, tf.concat([tf.shape(x)[:1], tf.shape(first)], 0)),
                [*x.shape[:2], first.shape[-1]],
            )
            for first in self.first
        ]

    def before(self, states: Vector, firsts: Vector | None = None) -> Vector:
        """Return the states before each step, given those after it.

        Args:
            states: ``time x batch x width``.
            firsts: initial values to use instead of those of the call.
        """
        resets, firsts = self.problem.resets, firsts or self.first
        return [
            tf.ensure_shape(recurrence.values_before(s, first, resets, reset_values), s.shape)
            for s, first, reset_values in zip(states, firsts, self.reset_values, strict=True)
        ]

    def values(self, previous: Vector) -> Vector:
        """Return the new values of the states, without zoneout and mask.

        Args:
            previous: the states before each step, ``time x batch x width``.
        """
        before = zip(self.block.states, previous, strict=True)
        env = self.known | {f"{name}_prev": value for name, value in before}
        x, problem = self.problem.inputs["x"], self.problem
        values = ProgramValues(problem.cell, env, x, problem.matmul_dtype, {})
        values.added = self.added
        values.compute(self.signals)
        return [
            tf.ensure_shape(env[name], value.shape)
            for name, value in zip(self.block.states, previous, strict=True)
        ]

    def jacobian(self, previous: Vector) -> tuple[Vector, Matrix]:
        r"""Return the new values, and $\partial f^i / \partial s^j$ for each unit, without holds.

        Each unit of a new state depends only on the same unit of the previous states, so the
        gradient of the sum over units contains the diagonal of the Jacobian.
        """
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(previous)
            values = self.values(previous)
        rows = [
            tape.gradient(v, previous, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            for v in values
        ]
        return values, rows

    def held(self, values: Vector, previous: Vector) -> Vector:
        """Return the states after each step, with zoneout and mask."""
        return [
            held.value(new, old)
            for held, new, old in zip(self.holds, values, previous, strict=True)
        ]

    def held_jacobian(self, rows: Matrix) -> Matrix:
        """Return the Jacobian with zoneout and mask; the solver sets it to 0 at resets."""
        nothing = tf.zeros([], rows[0][0].dtype)
        return [
            held.affine(row, nothing, place)[0]
            for place, (held, row) in enumerate(zip(self.holds, rows, strict=True))
        ]
