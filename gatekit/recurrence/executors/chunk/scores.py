r"""Scores of queries with keys under decays of rows: $\sum_n q_{tn} k_{sn} e^{g_{tn} - g_{sn}}$.

Let $g_t$ be the sum of the logarithms up to step t. $e^{g_t - g_s}$ is at most 1, but $e^{g_t}$
may underflow and $e^{-g_s}$ overflow. So for two neighbouring blocks of steps, the decay is split
at their boundary b: $e^{g_t - g_b}$ and $e^{g_b - g_s}$ are both at most 1. Each sum stays within
one block, so it keeps its digits. Blocks are halved down to single steps, which always works. If
the logarithms within a block span little, both factors are taken relative to the middle of the
span instead, and the block is one product.

The size of these blocks is chosen from the logarithms at run time, within one operation that has
its own gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.first_order import first_order, refusal

T = TypeVar("T")
Given = tuple[Any, Tensor, Tensor]
"""Queries, keys, and logarithms of decays."""

# The largest exponent is half the span: exp(30) = 1e13, and its square does not overflow.
_SPAN = {tf.float32: 60.0, tf.float64: 600.0}
_SMALL = 16
LEAST = -800.0
"""The lower bound of logarithms; its exponential is 0 in double precision."""


def scores(queries: list[Tensor], strict: list[bool], keys: Tensor, logs: Tensor) -> list[Tensor]:
    """Return the scores of queries with keys of the same and earlier steps, zero elsewhere.

    Args:
        queries: each ``... x steps x rows``.
        strict: for each query, whether it reads the memory before the step: only keys of earlier
            steps, without the decay of its own step.
        keys: ``... x (steps * terms) x rows``, the terms of a step side by side.
        logs: logarithms of the decay of each step, ``... x steps x rows``.

    Returns:
        One tensor for each query, ``... x steps x (steps * terms)``.

    Raises:
        NotImplementedError: on differentiating a second time.
    """

    def computed(leaf: int, tensors: Given) -> list[Tensor]:
        return in_blocks(tensors[0], strict, tensors[1], tensors[2], leaf)

    return by_span(computed, (queries, keys, logs))


def by_span(computed: Callable[[int, Given], list[Tensor]], given: Given) -> list[Tensor]:
    """Return ``computed(leaf, given)`` for the largest blocks in which decays span little.

    Args:
        computed: a function of the steps of the smallest blocks, and of what is given.
        given: tensors, of which the last are the logarithms, ``... x steps x width``.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    steps = given[-1].shape[-2]
    leaves = sorted({steps, min(_SMALL, steps), 1}, reverse=True)

    def choice(logs: Tensor) -> Tensor:
        """Return the index of the largest block size whose span is small."""
        sizes = tf.abs(logs)
        fits = [
            tf.reduce_max(tf.reduce_sum(blocks(sizes, leaf), -2)) < _SPAN[logs.dtype]
            for leaf in leaves[:-1]
        ]
        return tf.argmax(tf.stack([*fits, True]), output_type=tf.int32)

    def forward(tensors: Given) -> tuple[list[Tensor], Tensor]:
        place = choice(tensors[-1])
        return _one_of(place, [partial(computed, leaf, tensors) for leaf in leaves]), place

    def backward(tensors: Given, place: Tensor, cotangents: list[Tensor]) -> Given:
        def gradient(leaf: int) -> Given:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                scored = computed(leaf, tensors)
            return tape.gradient(scored, tensors, cotangents, unconnected_gradients="zero")

        return _one_of(place, [partial(gradient, leaf) for leaf in leaves])

    message = refusal("the chunk executor", "executor='reference'")
    return first_order(forward, backward, message)(given)


def _one_of(place: Tensor, branches: list[Callable[[], T]]) -> T:
    return branches[0]() if len(branches) == 1 else tf.switch_case(place, branches)


def in_blocks(
    queries: list[Tensor], strict: list[bool], keys: Tensor, logs: Tensor, leaf: int
) -> list[Tensor]:
    """Return `scores`, computed by halving down to blocks of ``leaf`` steps."""
    terms = keys.shape[-2] // logs.shape[-2]
    logs = blocks(logs, leaf)
    ends = prefix_sums(logs)
    rest = suffix_sums(logs)
    scored = []
    if leaf == 1:
        # There is no decay within a step, and a factor of exp(-logs) could be infinite.
        ones = blocks(keys, terms)
        for query, before in zip(queries, strict, strict=True):
            own = tf.matmul(blocks(query, 1), ones, transpose_b=True)
            scored.append(tf.zeros_like(own) if before else own)
    else:
        middle = _middle(ends)
        late = blocks(keys, leaf * terms) * repeated(tf.exp(middle - ends), terms)
        for query, before in zip(queries, strict, strict=True):
            early = blocks(query, leaf) * tf.exp((ends - logs if before else ends) - middle)
            scored.append(causal(tf.matmul(early, late, transpose_b=True), terms, before))
    while scored[0].shape[-3] > 1:
        size = logs.shape[-2]
        (first_end, second_end), (first_rest, second_rest) = halves(ends), halves(rest)
        earlier_keys, _ = halves(blocks(keys, size * terms))
        late = earlier_keys * repeated(tf.exp(first_rest), terms)
        _, second_logs = halves(logs)
        for place, (query, before) in enumerate(zip(queries, strict, strict=True)):
            _, second = halves(blocks(query, size))
            early = second * tf.exp(second_end - second_logs if before else second_end)
            below = tf.matmul(early, late, transpose_b=True)
            one, other = halves(scored[place])
            top = tf.concat([one, tf.zeros_like(below)], -1)
            scored[place] = tf.concat([top, tf.concat([below, other], -1)], -2)
        total, second_total = first_end[..., -1:, :], second_end[..., -1:, :]
        ends = tf.concat([first_end, second_end + total], -2)
        rest = tf.concat([first_rest + second_total, second_rest], -2)
        logs = tf.concat([*halves(logs)], -2)
    return [tf.squeeze(value, -3) for value in scored]


def _middle(ends: Tensor) -> Tensor:
    """Return the middle of the span of the sums within each block."""
    low, high = (f(ends, -2, keepdims=True) for f in (tf.reduce_min, tf.reduce_max))
    return tf.stop_gradient(0.5 * (low + high))


def blocks(value: Tensor, size: int) -> Tensor:
    """Return ``... x steps x width`` as ``... x blocks x size x width``."""
    steps, width = value.shape[-2:]
    shape = [tf.shape(value)[:-2], [steps // size, size, width]]
    return tf.reshape(value, tf.concat(shape, 0))


def halves(value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and second of each pair of blocks, ``... x blocks / 2 x size x width``."""
    count, size, width = value.shape[-3:]
    shape = [tf.shape(value)[:-3], [count // 2, 2, size, width]]
    pairs = tf.reshape(value, tf.concat(shape, 0))
    one, other = tf.unstack(pairs, axis=-3)
    return one, other


def repeated(value: Tensor, terms: int) -> Tensor:
    """Return ``... x steps x width`` with each step repeated for each of its terms."""
    if terms == 1:
        return value
    steps, width = value.shape[-2:]
    copies = tf.stack([value] * terms, -2)
    return tf.reshape(copies, tf.concat([tf.shape(value)[:-2], [steps * terms, width]], 0))


def prefix_sums(value: Tensor) -> Tensor:
    """Return the sums up to and including each step, ``... x steps x width``."""
    return _sums(value, lower=True)


def suffix_sums(value: Tensor) -> Tensor:
    """Return the sums over the steps after each step, ``... x steps x width``."""
    return _sums(value, lower=False)


def _sums(value: Tensor, lower: bool) -> Tensor:
    steps = value.shape[-2]
    if steps == 1:
        return value if lower else tf.zeros_like(value)
    ones = tf.ones([steps, steps], value.dtype)
    lower_triangle = tf.linalg.band_part(ones, -1, 0)
    return tf.matmul(lower_triangle if lower else ones - lower_triangle, value)


def causal(value: Tensor, terms: int, strict: bool) -> Tensor:
    """Return the scores, ``... x steps x (steps * terms)``, with zero for keys of later steps."""
    steps = tf.range(value.shape[-2])
    other = tf.range(value.shape[-1]) // terms
    seen = other[None, :] < steps[:, None] if strict else other[None, :] <= steps[:, None]
    return tf.where(seen, value, tf.zeros([], value.dtype))
