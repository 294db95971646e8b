"""Linear recurrences in about log2(time) rounds: an associative scan over all steps at once."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from .recurrence import Matrix, Vector, total


@tf.autograph.experimental.do_not_convert
def forward(a: Matrix, b: Vector, first: Vector, resets: Tensor = None) -> Vector:
    r"""Return $s_i[t] = \sum_j a_{ij}[t]\, s_j[t-1] + b_i[t]$ for all steps.

    Steps are affine maps, and their composition is associative:
    $(A, b) \circ (A', b') = (A A',\, A b' + b)$. Round r composes each step's map with the one
    $2^r$ steps before. It only computes products and sums of coefficients, never a quotient or a
    logarithm, so an underflow just means that the past is forgotten. If the product of coefficients
    over time overflows, the scan fails even if the step by step loop stays finite.

    Maps are not composed across a reset. The arguments are those of `Solver`.

    Reference: Blelloch, Prefix Sums and Their Applications (1990), CMU-CS-90-190; Hillis & Steele
    (1986), doi:10.1145/7902.7903
    """
    k = len(b)
    start = (tf.range(tf.shape(b[0])[0]) == 0)[:, None, None]
    if resets is not None:
        start = start & tf.logical_not(resets)
    # The initial values are added to the first step, so that every map starts from zero.
    rest = [
        b[i] + tf.where(start, total([a[i][j] * first[j] for j in range(k)]), tf.zeros_like(b[i]))
        for i in range(k)
    ]
    return _composed(a, rest, resets, backwards=False)


@tf.autograph.experimental.do_not_convert
def backward(
    a: Matrix, outside: Vector, last: Vector, resets: Tensor = None
) -> tuple[Vector, Vector]:
    r"""Return $d_j[t] = g_j[t] + \sum_i a_{ij}[t+1]\, d_i[t+1]$; see `Solver`."""
    k = len(outside)
    later = [
        [tf.concat([a[i][j][1:], tf.zeros_like(a[i][j][:1])], 0) for i in range(k)]
        for j in range(k)
    ]
    steps = tf.shape(outside[0])[0]
    end = (tf.range(steps) == steps - 1)[:, None, None]
    rest = [
        g + tf.where(end, more, tf.zeros_like(g)) for g, more in zip(outside, last, strict=True)
    ]
    d = _composed(later, rest, resets, backwards=True)
    # Only the first step passes a gradient to the initial values. Without a step, they are the last
    # values.
    handed = [total([a[i][j][:1] * d[i][:1] for i in range(k)]) for j in range(k)]
    if resets is not None:
        handed = [tf.where(resets[:1], tf.zeros([], h.dtype), h) for h in handed]
    return d, [tf.concat([more[None], h], 0)[-1] for more, h in zip(last, handed, strict=True)]


def _composed(maps: Matrix, rest: Vector, resets: Tensor, backwards: bool) -> Vector:
    """Return each step's map composed with all before it (or after it), applied to zero."""
    k = len(rest)
    number = None if resets is None else tf.cumsum(tf.cast(resets, tf.int32))
    steps = tf.shape(rest[0])[0]
    index = tf.range(steps)

    def compose(offset: Tensor, maps: Matrix, rest: Vector) -> tuple[object, ...]:
        # A gather, because XLA does not support a slice whose size is a variable of the loop.
        place = index + offset if backwards else index - offset
        inside = ((place >= 0) & (place < steps))[:, None, None]
        place = tf.clip_by_value(place, 0, tf.maximum(steps - 1, 0))
        if number is not None:
            inside = inside & (tf.gather(number, place) == number)
        other = [[tf.gather(entry, place) for entry in row] for row in maps]
        behind = [tf.gather(entry, place) for entry in rest]

        def where_inside(row: Vector, column: Vector, old: Tensor, more: Vector) -> Tensor:
            products = [e * other for e, other in zip(row, column, strict=True)]
            return tf.where(inside, total([*products, *more]), old)

        return (
            2 * offset,
            [
                [where_inside(maps[i], [r[j] for r in other], maps[i][j], []) for j in range(k)]
                for i in range(k)
            ],
            [where_inside(maps[i], behind, rest[i], [rest[i]]) for i in range(k)],
        )

    _, _, states = tf.while_loop(
        lambda offset, *_: offset < steps,
        compose,
        (tf.constant(1), maps, rest),
        parallel_iterations=1,
    )
    return [tf.ensure_shape(s, r.shape) for s, r in zip(states, rest, strict=True)]
