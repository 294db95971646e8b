r"""A running maximum for all steps together: $m_t = \max(m_{t-1} + f_t, i_t)$."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Expr
from gatekit.cell.program import Largest
from gatekit.recurrence.executors.linear.recurrence import linear_recurrence, values_before
from gatekit.recurrence.executors.linear.solve import SOLVERS
from gatekit.recurrence.executors.products import SharedValues


def solve(values: SharedValues, block: Largest) -> dict[str, Tensor]:
    r"""Add the sequence of the state to the values, and return its last value.

    The composition of maps $m \mapsto \max(m + f, i)$ is associative, so the maxima take about
    log2(time) rounds. Once it is known which argument is larger, $p_t \in \{0, 1\}$, the state is
    affine in its past, $m_t = p_t (m_{t-1} + f_t) + (1 - p_t)\, i_t$. The gradient is that of
    this recurrence. At a tie it goes to the first argument, as in ``tf.maximum``.

    Args:
        values: the values at all steps.
        block: the state.
    """
    problem = values.problem
    x, first = problem.inputs["x"], problem.states[block.state]
    resets, reset_values = problem.resets, problem.reset_values.get(block.state)
    shape = tf.concat([tf.shape(x)[:2], tf.shape(first)[1:]], 0)

    def full(expr: Expr) -> Tensor:
        value = tf.broadcast_to(tf.convert_to_tensor(values.of(expr), x.dtype), shape)
        return tf.ensure_shape(value, [*x.shape[:2], first.shape[-1]])

    shift, new = full(block.shift), full(block.new)
    if problem.mask is not None:
        shift = tf.where(problem.mask, shift, tf.zeros([], x.dtype))
        new = tf.where(problem.mask, new, tf.constant(x.dtype.min, x.dtype))
    plain = [None if v is None else tf.stop_gradient(v) for v in (shift, new, first, reset_values)]
    earlier = values_before(_maxima(*plain, resets), first, resets, reset_values)
    kept = earlier + shift >= new if block.first else earlier + shift > new
    if problem.mask is not None:
        kept |= tf.logical_not(problem.mask)
    a = tf.cast(tf.stop_gradient(kept), x.dtype)
    (states,), (last,) = linear_recurrence(
        SOLVERS["scan"], [[a]], [tf.where(kept, shift, new)], [first], resets, [reset_values]
    )
    values.env[f"{block.state}:held"] = states
    return {block.state: last}


@tf.autograph.experimental.do_not_convert
def _maxima(
    shift: Tensor, new: Tensor, first: Tensor, reset_values: Tensor, resets: Tensor
) -> Tensor:
    steps = tf.shape(shift)[0]
    index = tf.range(steps)
    number = None
    if resets is not None:
        number = tf.cumsum(tf.cast(resets, tf.int32))
        new = tf.where(resets, tf.maximum(reset_values + shift, new), new)

    def compose(offset: Tensor, shift: Tensor, new: Tensor) -> tuple[object, ...]:
        place = tf.maximum(index - offset, 0)
        inside = (index >= offset)[:, None, None]
        if number is not None:
            inside = inside & (tf.gather(number, place) == number)
        behind = tf.gather(shift, place), tf.gather(new, place)
        larger = tf.maximum(behind[1] + shift, new)
        shifted = tf.where(inside, behind[0] + shift, shift)
        return 2 * offset, shifted, tf.where(inside, larger, new)

    static = shift.shape
    _, shift, new = tf.while_loop(
        lambda offset, *_: offset < steps,
        compose,
        (tf.constant(1), shift, new),
        parallel_iterations=1,
    )
    maxima = tf.maximum(first + shift, new)
    if number is not None:
        maxima = tf.where(number == 0, maxima, new)
    return tf.ensure_shape(maxima, static)
