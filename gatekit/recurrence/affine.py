"""Linear recurrences step by step: the loop holds a product and a sum, and nothing else."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from .linear_recurrence import Matrix, total

# Steps written out in the loop's body. Measured at time 4096, forward and backward, in ms (graph
# mode, XLA): 4 steps (36, 12), 8 steps (28, 14), 16 steps (23, 25), 32 steps (18, 21). More steps
# save turns, and XLA computes a step once for each later one of its turn.
_STEPS = 8


@tf.autograph.experimental.do_not_convert
def forward(a: Matrix, b: list[Any], first: list[Any]) -> list[Any]:
    r"""Return $s_i[t] = \sum_j a_{ij}[t]\, s_j[t-1] + b_i[t]$, one step after another.

    Args:
        a: k x k coefficients, each ``time x batch x width``.
        b: k right sides, each ``time x batch x width``.
        first: the k values before the first step, ``batch x width``.

    Returns:
        k sequences ``time x batch x width``.
    """

    def step(a: Matrix, b: list[Any], states: list[Any]) -> tuple[list[Any], list[Any]]:
        products = [[e * s for e, s in zip(row, states, strict=True)] for row in a]
        new = [total([*row, right]) for row, right in zip(products, b, strict=True)]
        return new, new

    return _loop(step, a, b, first, backwards=False)[0]


@tf.autograph.experimental.do_not_convert
def backward(a: Matrix, outside: list[Any]) -> tuple[list[Any], list[Any]]:
    r"""Return $d_j[t] = g_j[t] + \sum_i a_{ij}[t+1]\, d_i[t+1]$, and what is left over.

    Args:
        a: k x k coefficients, each ``time x batch x width``.
        outside: g, each ``time x batch x width``.

    Returns:
        k sequences ``time x batch x width``, and what the first step hands back to the first
        values, ``batch x width``.
    """

    def step(a: Matrix, g: list[Any], handed: list[Any]) -> tuple[list[Any], list[Any]]:
        d = [own + later for own, later in zip(g, handed, strict=True)]
        columns = zip(*a, strict=True)
        return d, [total([e * v for e, v in zip(c, d, strict=True)]) for c in columns]

    nothing = [tf.ensure_shape(tf.zeros(tf.shape(g)[1:], g.dtype), g.shape[1:]) for g in outside]
    return _loop(step, a, outside, nothing, backwards=True)


def _loop(
    step: Any, a: Matrix, b: list[Any], first: list[Any], backwards: bool
) -> tuple[list[Any], list[Any]]:
    """Return what the steps give, ``time x batch x width``, and what the last one hands on."""
    k, like = len(b), b[0]
    steps = tf.shape(like)[0]
    turns = (steps + _STEPS - 1) // _STEPS
    a_blocks = [[_blocks(entry, turns) for entry in row] for row in a]
    b_blocks = [_blocks(entry, turns) for entry in b]
    # A block that is not full has its steps at its beginning.

    def body(turn: Any, states: list[Any], arrays: list[Any]) -> Any:
        place = turns - 1 - turn if backwards else turn
        a_rows = [[tf.unstack(entry[place], _STEPS) for entry in row] for row in a_blocks]
        b_rows = [tf.unstack(entry[place], _STEPS) for entry in b_blocks]
        found: list[list[Any]] = [[] for _ in range(k)]
        for index in range(_STEPS):
            now = _STEPS - 1 - index if backwards else index
            a_now = [[entry[now] for entry in row] for row in a_rows]
            values, states = step(a_now, [entry[now] for entry in b_rows], states)
            for sequence, value in zip(found, values, strict=True):
                sequence.insert(0, value) if backwards else sequence.append(value)
        written = [w.write(place, tf.stack(f)) for w, f in zip(arrays, found, strict=True)]
        return turn + 1, states, written

    shape = [_STEPS, *like.shape[1:]]
    arrays = [tf.TensorArray(like.dtype, size=turns, element_shape=shape) for _ in range(k)]
    _, last, arrays = tf.while_loop(
        lambda turn, *_: turn < turns,
        body,
        (tf.constant(0), list(first), arrays),
        maximum_iterations=turns,
        parallel_iterations=1,
    )
    whole = [tf.reshape(w.stack(), tf.concat([[-1], tf.shape(like)[1:]], 0)) for w in arrays]
    return [tf.ensure_shape(sequence[:steps], like.shape) for sequence in whole], last


def _blocks(sequence: Any, turns: Any) -> Any:
    """Return the sequence in blocks of steps, filled up with zeros behind its end."""
    shape = tf.concat([[turns, _STEPS], tf.shape(sequence)[1:]], 0)
    if sequence.shape[0] is None or sequence.shape[0] % _STEPS:
        missing = turns * _STEPS - tf.shape(sequence)[0]
        sequence = tf.pad(sequence, [[0, missing], [0, 0], [0, 0]])
    return tf.reshape(sequence, shape)
