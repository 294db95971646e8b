"""A linear recurrence over time with its own gradient, for any solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.first_order import first_order, refusal
from gatekit.recurrence.packing import joined

Vector = list[Tensor]
"""One tensor for each of the k states, ``time x batch x width`` or ``batch x width``."""

Matrix = list[Vector]
"""k x k coefficients, each ``time x batch x width``."""

Given = tuple[Matrix, Vector, Vector]
"""Coefficients, right sides, initial values."""


@dataclass(frozen=True)
class Solver:
    """Who solves a recurrence: the executor's name, the recurrence, and its gradient's recurrence.

    At a reset, ``time x batch x 1``, the states before the step are zero, and the step hands no
    gradient to the one before.

    Args:
        name: the executor's name.
        forward: coefficients, right sides, initial values, resets: to the k sequences.
        backward: coefficients, gradients of the sequences, gradients of the last values, resets: to
            the k sequences of the right sides' gradients, and the gradients of the initial values.
    """

    name: str
    forward: Callable[[Matrix, Vector, Vector, Tensor], Vector]
    backward: Callable[[Matrix, Vector, Vector, Tensor], tuple[Vector, Vector]]


def linear_recurrence(
    solver: Solver,
    a: Matrix,
    b: Vector,
    first: Vector,
    resets: Tensor = None,
    fresh: Vector | None = None,
) -> tuple[Vector, Vector]:
    r"""Return $s_i[t] = \sum_j a_{ij}[t]\, s_j[t-1] + b_i[t]$ for all steps, and the last values.

    The gradient is a linear recurrence too, backwards in time:
    $d_j[t] = g_j[t] + \sum_i a_{ij}[t+1]\, d_i[t+1]$, where $g$ is what comes from outside and
    the last values' gradient comes after the last step; then
    $\partial a_{ij}[t] = d_i[t]\, s_j[t-1]$ and $\partial b_i[t] = d_i[t]$.

    At a reset, $s_j[t-1]$ is the fresh value. What it adds is part of $b_i[t]$; a solver takes the
    state before a reset, and the gradient behind it, for zero. It selects them, and multiplies by
    no coefficient of zero: infinities of one sequence do not reach the next.

    Args:
        solver: the algorithm.
        a: k x k coefficients, each ``time x batch x width``.
        b: k right sides, each ``time x batch x width``.
        first: the k values before the first step, ``batch x width``.
        resets: ``time x batch x 1``, true where the recurrence starts from fresh values, or None.
        fresh: these k values, ``batch x width``; only read with resets.

    Returns:
        k sequences ``time x batch x width``; the k last values, ``batch x width``, which are the
        first ones where there is no step.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    k = range(len(b))
    if resets is not None:
        assert fresh is not None
        entered = [total([a[i][j] * fresh[j] for j in k]) for i in k]
        b = [tf.where(resets, right + more, right) for right, more in zip(b, entered, strict=True)]

    def forward(tensors: Given) -> tuple[tuple[Vector, Vector], Vector]:
        a, b, first = tensors
        states = solver.forward(a, b, first, resets)
        last = [tf.concat([f[None], s[-1:]], 0)[-1] for f, s in zip(first, states, strict=True)]
        return (states, last), states

    def backward(tensors: Given, states: Vector, cotangents: tuple[Vector, Vector]) -> Given:
        a, _, first = tensors
        outside, last = cotangents
        d, dfirst = solver.backward(a, outside, last, resets)
        earlier = [values_before(s, value, resets) for s, value in zip(states, first, strict=True)]
        return [[d[i] * earlier[j] for j in k] for i in k], d, dfirst

    message = refusal(f"the {solver.name} executor", "executor='reference'")
    return first_order(forward, backward, message)((a, b, first))


def values_before(
    sequence: Tensor, first: Tensor, resets: Tensor = None, fresh: Tensor = None
) -> Tensor:
    """Return the value before each step: the sequence one step later, its initial value ahead.

    Args:
        sequence: ``time x batch x width``.
        first: ``batch x width``.
        resets: ``time x batch x 1``, true where it is the fresh value, or None.
        fresh: ``batch x width``; None is zero.
    """
    earlier = joined([first[None], sequence], 0)[:-1]
    if resets is None:
        return earlier
    return tf.where(resets, tf.zeros([], earlier.dtype) if fresh is None else fresh, earlier)


def total(parts: Vector) -> Tensor:
    """Return the sum of the parts."""
    return tf.add_n(parts) if len(parts) > 2 else parts[0] + parts[1] if parts[1:] else parts[0]
