"""Newton iterations for one block of states, the check of the result, and the gradient."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.executors.linear import scan, sequential
from gatekit.recurrence.executors.linear.recurrence import Vector
from gatekit.recurrence.first_order import first_order, refusal
from gatekit.recurrence.masking import harmless

from .step import Step

Pair = tuple[Vector, Vector]
"""The k states at all steps, and the k states of one step, ``batch x width``."""

MOST = 20
"""The largest number of iterations; sequences that need more are solved by the fused loop."""

_TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def tolerance(dtype: tf.DType) -> float:
    """Return the largest last update that is accepted, relative to 1 + |state|."""
    return _TOLERANCE.get(dtype.name, 1e-2)


def newton_states(step: Step) -> tuple[Vector, Tensor]:
    """Return the states by Newton's method, and which sequences were accepted.

    Args:
        step: the block's step.

    Returns:
        The states, ``time x batch x width``; booleans, ``batch``.
    """
    guess = step.guess()
    zeros = [tf.zeros_like(first) for first in step.first]
    bound = tf.constant(tolerance(guess[0].dtype), guess[0].dtype)

    def improve(count: Tensor, states: Vector, accepted: Tensor) -> tuple[object, ...]:
        previous = step.before(states)
        values, rows = step.jacobian(previous)
        rest = [new - s for new, s in zip(step.held(values, previous), states, strict=True)]
        updates = scan.forward(step.held_jacobian(rows), rest, zeros, step.problem.resets)
        small = tf.ones_like(accepted)
        better = []
        for old, update in zip(states, updates, strict=True):
            new = old + update
            # NaN compares as false. Without the first test, an infinite update of an infinite state
            # would pass.
            fine = tf.math.is_finite(new) & (tf.abs(update) <= bound * (1 + tf.abs(new)))
            small &= tf.reduce_all(fine, [0, 2])
            better.append(tf.where(accepted[None, :, None], old, new))
        better = [tf.ensure_shape(b, s.shape) for b, s in zip(better, states, strict=True)]
        return count + 1, better, accepted | small

    _, states, accepted = tf.while_loop(
        lambda count, _, accepted: (count < MOST) & ~tf.reduce_all(accepted),
        improve,
        (tf.constant(0), guess, tf.zeros(tf.shape(guess[0])[1:2], tf.bool)),
        maximum_iterations=MOST,
        parallel_iterations=1,
    )
    return states, accepted


def accepted_or_by_loop(states: Vector, accepted: Tensor, by_loop: Callable[[], Vector]) -> Vector:
    """Return the states; sequences that were not accepted take theirs from the loop.

    Args:
        states: the states by Newton's method, ``time x batch x width``.
        accepted: booleans, ``batch``.
        by_loop: computes the states step by step.
    """

    def mixed() -> Vector:
        rows = accepted[None, :, None]
        return [tf.where(rows, s, other) for s, other in zip(states, by_loop(), strict=True)]

    chosen = tf.cond(tf.reduce_all(accepted), lambda: list(states), mixed)
    return [tf.ensure_shape(f, s.shape) for f, s in zip(chosen, states, strict=True)]


def with_gradient(step: Step, states: Vector, accepted: Tensor) -> Pair:
    """Return the states and their last values, with the gradient of the recurrence.

    The values are those given. For the gradient, the step is evaluated once more at the solution;
    TensorFlow differentiates this step with respect to everything except the previous states.

    Args:
        step: the block's step.
        states: the solution, ``time x batch x width``.
        accepted: booleans, ``batch``: which sequences Newton's method solved.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    states = [tf.stop_gradient(s) for s in states]
    first = [tf.stop_gradient(f) for f in step.first]
    # After a reset, the step reads an initial value, which may be learned.
    previous = step.before(states, first)
    harmless_ones = [harmless(step.problem.mask, value) for value in previous]
    after = step.held(step.values(harmless_ones), previous)

    def forward(tensors: Pair) -> tuple[Pair, None]:
        _, first = tensors
        last = [tf.concat([f[None], s[-1:]], 0)[-1] for f, s in zip(first, states, strict=True)]
        return (states, last), None

    def backward(_: Pair, __: None, cotangents: Pair) -> Pair:
        rows = step.held_jacobian(step.jacobian(previous)[1])
        # If Newton's method failed, products of Jacobians may overflow; the loop computes none.
        return tf.cond(
            tf.reduce_all(accepted),
            lambda: scan.backward(rows, *cotangents, step.problem.resets),
            lambda: sequential.backward(rows, *cotangents, step.problem.resets),
        )

    message = refusal("the newton executor", "executor='reference'")
    return first_order(forward, backward, message)((after, list(step.first)))
