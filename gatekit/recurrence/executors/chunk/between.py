r"""A memory from chunk to chunk: $S_{c+1} = d_c \circ S_c + G_c$, or $S_{c+1} = M_c S_c + G_c$."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gatekit.recurrence.compiled import bound
from gatekit.recurrence.first_order import first_order, refusal


@tf.autograph.experimental.do_not_convert
def carried(factor: Any, gain: Any, first: Any, matrix: bool) -> tuple[Any, Any]:
    r"""Return the memory before each chunk, and after the last one.

    The gradient is the same recurrence, backwards: with $\bar S_c$ from outside,
    $D_c = \bar S_{c+1} + M_{c+1}^\top D_{c+1}$ is that of $G_c$, and $D_c S_c^\top$ that of $M_c$.

    Args:
        factor: d, ``chunks x batch x heads x rows or 1 x columns or 1``; or M, ``... x rows x
            rows``.
        gain: G, ``chunks x batch x heads x rows x columns``.
        first: the memory before the first chunk, ``batch x heads x rows x columns``.
        matrix: whether the factor is a matrix.

    Returns:
        ``chunks x batch x heads x rows x columns``; ``batch x heads x rows x columns``.

    Raises:
        NotImplementedError: on differentiating a second time.
    """

    def times(factor: Any, memory: Any, adjoint: bool = False) -> Any:
        return tf.matmul(factor, memory, transpose_a=adjoint) if matrix else factor * memory

    def forward(tensors: Any) -> tuple[Any, Any]:
        factor, gain, first = tensors
        before, last = _loop(lambda c, s: times(factor[c], s) + gain[c], gain, first, False)
        return (before, last), before

    def backward(tensors: Any, before: Any, cotangents: Any) -> Any:
        factor, gain, _ = tensors
        outside, last = cotangents
        d, dfirst = _loop(
            lambda c, d: outside[c] + times(factor[c], d, adjoint=True), gain, last, True
        )
        if matrix:
            return tf.matmul(d, before, transpose_b=True), d, dfirst
        axes = [axis for axis in (3, 4) if factor.shape[axis] == 1]
        return tf.reduce_sum(d * before, axes, keepdims=True), d, dfirst

    message = refusal("the chunk executor", "executor='reference'")
    found: tuple[Any, Any] = first_order(forward, backward, message)((factor, gain, first))
    return found


def _loop(step: Any, like: Any, start: Any, backwards: bool) -> tuple[Any, Any]:
    """Return the value before each chunk in the loop's order, by chunk, and the last one."""
    count = tf.shape(like)[0]
    array = tf.TensorArray(like.dtype, size=count, element_shape=like.shape[1:])

    def body(turn: Any, value: Any, array: Any) -> Any:
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
