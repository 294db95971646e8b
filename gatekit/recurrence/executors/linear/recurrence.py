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
    """An algorithm that solves a linear recurrence and its adjoint.

    At a reset, ``time x batch x 1``, the states before the step are zero, and the step passes no
    gradient to the previous step.

    Args:
        name: the executor's name.
        forward: takes coefficients, right sides, initial values and resets; returns the k
            sequences.
        backward: takes coefficients, gradients of the sequences, gradients of the last values and
            resets; returns the k gradients of the right sides, and those of the initial values.
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
    reset_values: Vector | None = None,
) -> tuple[Vector, Vector]:
    r"""Return $s_i[t] = \sum_j a_{ij}[t]\, s_j[t-1] + b_i[t]$ for all steps, and the last values.

    The gradient is a linear recurrence too, backwards in time:
    $d_j[t] = g_j[t] + \sum_i a_{ij}[t+1]\, d_i[t+1]$, where $g$ is the gradient of the sequences
    from outside; the gradient of the last values enters after the last step. Then
    $\partial a_{ij}[t] = d_i[t]\, s_j[t-1]$ and $\partial b_i[t] = d_i[t]$.

    At a reset, $s_j[t-1]$ is the reset value, and its term is added to $b_i[t]$. A solver sets the
    state before a reset, and the gradient that would pass it, to zero by selection. It does not
    multiply by a coefficient of zero, so infinities of one sequence do not reach the next.

    Args:
        solver: the algorithm.
        a: k x k coefficients, each ``time x batch x width``.
        b: k right sides, each ``time x batch x width``.
        first: the k values before the first step, ``batch x width``.
        resets: ``time x batch x 1``, true where the recurrence starts anew, or None.
        reset_values: the k values after a reset, ``batch x width``; only read with resets.

    Returns:
        k sequences ``time x batch x width``; the k last values, ``batch x width``, which are the
        initial values if there is no step.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    k = range(len(b))
    if resets is not None:
        assert reset_values is not None
        entered = [total([a[i][j] * reset_values[j] for j in k]) for i in k]
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
    sequence: Tensor, first: Tensor, resets: Tensor = None, reset_values: Tensor = None
) -> Tensor:
    """Return the value before each step: the sequence shifted by one step, after its initial value.

    Args:
        sequence: ``time x batch x width``.
        first: the initial value, ``batch x width``.
        resets: ``time x batch x 1``, true where the recurrence starts anew, or None.
        reset_values: the value before such a step, ``batch x width``; None for zero.
    """
    earlier = joined([first[None], sequence], 0)[:-1]
    if resets is None:
        return earlier
    return tf.where(
        resets, tf.zeros([], earlier.dtype) if reset_values is None else reset_values, earlier
    )


def total(parts: Vector) -> Tensor:
    """Return the sum of the parts."""
    return tf.add_n(parts) if len(parts) > 2 else parts[0] + parts[1] if parts[1:] else parts[0]
