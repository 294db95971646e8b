"""Linear recurrences step by step: the loop only has products and sums."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.packing import bound, compiled, stacked

from .recurrence import Matrix, Vector, total

# How many steps one turn of the loop computes. In graph mode the overhead per turn dominates, so
# more steps are faster. XLA computes each step again for every later step of the turn. Measured at
# time 4096, a training step of mingru in ms: graph mode 50, 45, 42, 43 with 8, 16, 32, 64 steps;
# XLA 37, 65 with 8, 16.
_STEPS, _STEPS_COMPILED = 32, 8


@tf.autograph.experimental.do_not_convert
def forward(a: Matrix, b: Vector, first: Vector, resets: Tensor = None) -> Vector:
    r"""Return $s_i[t] = \sum_j a_{ij}[t]\, s_j[t-1] + b_i[t]$, step by step; see `Solver`."""

    def step(a: Matrix, b: Vector, states: Vector, reset: Tensor) -> tuple[Vector, Vector]:
        states = _cut(states, reset)
        products = [[e * s for e, s in zip(row, states, strict=True)] for row in a]
        new = [total([*row, right]) for row, right in zip(products, b, strict=True)]
        return new, new

    return _loop(step, a, b, first, resets, backwards=False)[0]


@tf.autograph.experimental.do_not_convert
def backward(
    a: Matrix, outside: Vector, last: Vector, resets: Tensor = None
) -> tuple[Vector, Vector]:
    r"""Return $d_j[t] = g_j[t] + \sum_i a_{ij}[t+1]\, d_i[t+1]$; see `Solver`."""

    def step(a: Matrix, g: Vector, handed: Vector, reset: Tensor) -> tuple[Vector, Vector]:
        d = [own + later for own, later in zip(g, handed, strict=True)]
        columns = zip(*a, strict=True)
        earlier = [total([e * v for e, v in zip(c, d, strict=True)]) for c in columns]
        return d, _cut(earlier, reset)

    return _loop(step, a, outside, last, resets, backwards=True)


def _cut(values: Vector, reset: Tensor) -> Vector:
    """Return the values, ``batch x width``, zero in rows that are reset."""
    if reset is None:
        return values
    return [tf.where(reset, tf.zeros([], value.dtype), value) for value in values]


def _loop(
    step: Callable[[Matrix, Vector, Vector, Tensor], tuple[Vector, Vector]],
    a: Matrix,
    b: Vector,
    first: Vector,
    resets: Tensor,
    backwards: bool,
) -> tuple[Vector, Vector]:
    """Return the values of all steps, ``time x batch x width``, and the final states."""
    k, like = len(b), b[0]
    steps = tf.shape(like)[0]
    length = _steps_of_a_turn(like.shape[0])
    turns = (steps + length - 1) // length
    # Padding of the last block has coefficients of the identity, so it passes values on unchanged.
    a_blocks = [
        [_blocks(entry, turns, length, 1 if i == j else 0) for j, entry in enumerate(row)]
        for i, row in enumerate(a)
    ]
    b_blocks = [_blocks(entry, turns, length, 0) for entry in b]
    cuts = None if resets is None else _blocks(resets, turns, length, False)

    def body(turn: Tensor, states: Vector, arrays: list[tf.TensorArray]) -> tuple[object, ...]:
        place = turns - 1 - turn if backwards else turn
        a_rows = [[tf.unstack(entry[place], length) for entry in row] for row in a_blocks]
        b_rows = [tf.unstack(entry[place], length) for entry in b_blocks]
        cut_rows = [None] * length if cuts is None else tf.unstack(cuts[place], length)
        of_steps: list[Vector] = [[] for _ in range(k)]
        for index in range(length):
            now = length - 1 - index if backwards else index
            a_now = [[entry[now] for entry in row] for row in a_rows]
            b_now = [entry[now] for entry in b_rows]
            values, states = step(a_now, b_now, states, cut_rows[now])
            for sequence, value in zip(of_steps, values, strict=True):
                sequence.insert(0, value) if backwards else sequence.append(value)
        written = [w.write(place, tf.stack(f)) for w, f in zip(arrays, of_steps, strict=True)]
        return turn + 1, states, written

    shape = [length, *like.shape[1:]]
    arrays = [tf.TensorArray(like.dtype, size=turns, element_shape=shape) for _ in range(k)]
    _, last, arrays = tf.while_loop(
        lambda turn, *_: turn < turns,
        body,
        (tf.constant(0), list(first), arrays),
        maximum_iterations=bound(turns),
        parallel_iterations=1,
    )
    of_turn = [length, *tf.unstack(tf.shape(like)[1:])]
    every = tf.concat([[turns * length], tf.shape(like)[1:]], 0)
    whole = [tf.reshape(stacked(w, of_turn), every) for w in arrays]
    return [tf.ensure_shape(sequence[:steps], like.shape) for sequence in whole], last


def _steps_of_a_turn(time: int | None) -> int:
    """Return the steps of a turn, chosen so that the last turn is nearly full if time is known."""
    most = _STEPS_COMPILED if compiled() else _STEPS
    return most if time is None else max(math.ceil(time / max(math.ceil(time / most), 1)), 1)


def _blocks(sequence: Tensor, turns: Tensor, length: int, rest: int) -> Tensor:
    """Return the sequence in blocks of steps, padded with a number at its end."""
    shape = tf.concat([[turns, length], tf.shape(sequence)[1:]], 0)
    if sequence.shape[0] is None or sequence.shape[0] % length:
        missing = turns * length - tf.shape(sequence)[0]
        sequence = tf.pad(sequence, [[0, missing], [0, 0], [0, 0]], constant_values=rest)
    return tf.reshape(sequence, shape)
