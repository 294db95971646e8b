r"""A memory from chunk to chunk: $S_{c+1} = d_c \circ S_c + G_c$, or $S_{c+1} = M_c S_c + G_c$."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.first_order import first_order, refusal
from gatekit.recurrence.packing import bound

Given = tuple[Tensor, Tensor, Tensor]
"""Factor, gain, and the first memory."""


@tf.autograph.experimental.do_not_convert
def memories(factor: Tensor, gain: Tensor, first: Tensor, matrix: bool) -> tuple[Tensor, Tensor]:
    r"""Return the memory before each chunk, and after the last one.

    The gradient is the same recurrence, backwards. With the gradients $\bar S_c$ from outside,
    $D_c = \bar S_{c+1} + M_{c+1}^\top D_{c+1}$ is the gradient of $G_c$, and $D_c S_c^\top$ that of
    $M_c$.

    Args:
        factor: d, ``chunks x batch x heads x rows or 1 x 1``; or M, ``... x rows x rows``.
        gain: G, ``chunks x batch x heads x rows x columns``.
        first: the memory before the first chunk, ``batch x heads x rows x columns``.
        matrix: whether the factor is a matrix.

    Returns:
        ``chunks x batch x heads x rows x columns``; ``batch x heads x rows x columns``.

    Raises:
        NotImplementedError: on differentiating a second time.
    """

    def times(factor: Tensor, memory: Tensor, adjoint: bool = False) -> Tensor:
        return tf.matmul(factor, memory, transpose_a=adjoint) if matrix else factor * memory

    def forward(tensors: Given) -> tuple[tuple[Tensor, Tensor], Tensor]:
        factor, gain, first = tensors
        before, last = _loop(lambda c, s: times(factor[c], s) + gain[c], gain, first, False)
        return (before, last), before

    def backward(tensors: Given, before: Tensor, cotangents: tuple[Tensor, Tensor]) -> Given:
        factor, gain, _ = tensors
        outside, last = cotangents
        d, dfirst = _loop(
            lambda c, d: outside[c] + times(factor[c], d, adjoint=True), gain, last, True
        )
        if matrix:
            return tf.matmul(d, before, transpose_b=True), d, dfirst
        axes = (3, 4) if factor.shape[3] == 1 else (4,)
        return tf.reduce_sum(d * before, axes, keepdims=True), d, dfirst

    message = refusal("the chunk executor", "executor='reference'")
    return first_order(forward, backward, message)((factor, gain, first))


def _loop(
    step: Callable[[Tensor, Tensor], Tensor], like: Tensor, start: Tensor, backwards: bool
) -> tuple[Tensor, Tensor]:
    """Return the value that enters each chunk, ordered by chunk, and the final value."""
    count = tf.shape(like)[0]
    array = tf.TensorArray(like.dtype, size=count, element_shape=like.shape[1:])

    def body(turn: Tensor, value: Tensor, array: tf.TensorArray) -> tuple[object, ...]:
        chunk = count - 1 - turn if backwards else turn
        return turn + 1, step(chunk, value), array.write(chunk, value)

    _, last, array = tf.while_loop(
        lambda turn, *_: turn < count,
        body,
        (tf.constant(0), tf.ensure_shape(start, like.shape[1:]), array),
        maximum_iterations=bound(count),
        parallel_iterations=1,
    )
    return tf.ensure_shape(array.stack(), like.shape), last
