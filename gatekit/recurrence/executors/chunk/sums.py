r"""Running sums of all earlier values: $S_c = S_0 + \sum_{i < c} G_i$.

Sums within a group of values are a matrix product with ones. In graph mode this is several times
faster than a loop over all values or `tf.cumsum`. Under XLA the loop is the fastest.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Number
from gatekit.cell.program import Solve
from gatekit.recurrence.executors.linear.solve import coefficient
from gatekit.recurrence.executors.linear.solve import solve as solve_linear
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.packing import compiled

from .layout import at_least_single

_GROUP = 32


def running_sums(gain: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sum before each value, and after the last one.

    Args:
        gain: G, ``count x ...``.
        first: the sum before the first value, ``...``.
    """
    shape, known = tf.shape(gain), gain.shape[0]
    # Few values are one group, which has no zeros.
    group = tf.minimum(_GROUP, shape[0]) if known is None else max(1, min(_GROUP, known))
    fits = known is not None and known % group == 0
    groups = (shape[0] + group - 1) // group
    flat = tf.reshape(gain, tf.stack([shape[0], -1]))
    if not fits:
        flat = tf.pad(flat, [[0, groups * group - shape[0]], [0, 0]])
    flat = tf.reshape(flat, tf.stack([groups, group, tf.shape(flat)[1]]))
    ones = tf.ones([group, group], gain.dtype)
    within = tf.matmul(ones - tf.linalg.band_part(ones, 0, -1), flat)
    whole = tf.reduce_sum(flat, 1)
    start = tf.cumsum(whole, exclusive=True) + tf.reshape(first, [1, -1])
    before = tf.reshape(within + start[:, None], tf.concat([[-1], shape[1:]], 0))
    if not fits:
        before = before[: shape[0]]
    return tf.ensure_shape(before, gain.shape), first + tf.reduce_sum(gain, 0)


def solve(values: SharedValues, block: Solve) -> dict[str, Tensor]:
    """Solve an affine block as `gatekit.recurrence.executors.linear.solve` does.

    A state that is a running sum takes fewer operations, except in calls with resets, and in code
    that XLA compiles.

    Args:
        values: the values at all steps.
        block: the block.
    """
    problem, name = values.problem, block.states[0]
    rates = {state.name: state.zoneout for state in values.program.states}
    plain = len(block.states) == 1 and block.a[0][0] == Number(1) and not rates[name]
    if not plain or problem.resets is not None or compiled():
        return solve_linear(values, block, "affine")
    x = problem.inputs["x"]
    dtype = at_least_single(x.dtype)
    value = tf.cast(coefficient(values, block.b[0], name), dtype)
    if problem.mask is not None:
        value = tf.where(problem.mask, value, tf.zeros([], dtype))
    first = problem.states[name]
    before, end = running_sums(value, tf.cast(first, dtype))
    before, after = (
        tf.ensure_shape(tf.cast(each, x.dtype), [*x.shape[:2], first.shape[-1]])
        for each in (before, before + value)
    )
    values.env |= {f"{name}:held": after, f"{name}_prev": harmless(problem.mask, before)}
    return {name: tf.ensure_shape(tf.cast(end, x.dtype), first.shape)}
