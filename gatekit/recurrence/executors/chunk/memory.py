"""Computes one memory for all steps; the equations are in the docstring of the package."""

from __future__ import annotations

import math
from collections.abc import Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.program import Memories, Memory
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.packing import compiled

from .between import memories
from .decay import Decay
from .layout import Layout, Segments
from .sums import running_sums


def solve(known: SharedValues, block: Memories) -> dict[str, Tensor]:
    """Add the reads of memories to the values, and return the last values of their states.

    Args:
        known: the values at all steps.
        block: the memories.
    """
    last: dict[str, Tensor] = {}
    for memory in block.memories:
        reads, ends = solve_one(known, memory)
        known.env |= reads
        last |= ends
    return last


def solve_one(known: SharedValues, memory: Memory) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the reads of a memory by name, and its last values by state.

    Args:
        known: the values at all steps.
        memory: the memory.

    Returns:
        Sequences ``time x batch x heads x columns``; ``batch x width``.
    """
    problem = known.problem
    *heads, rows, columns = memory.shape
    terms = len(memory.terms)
    layout = Layout(known, tuple(heads), max(rows, columns), terms)

    def of_terms(parts: list[Tensor]) -> Tensor:
        """Return ``... x (steps * terms) x width``, the terms of a step side by side."""
        stacked = tf.stack([layout.cut(part) for part in parts], -2)
        return _rows(stacked, layout.steps * terms)

    keys = of_terms([layout.values(term.key, rows) for term in memory.terms])
    values = of_terms([layout.values(term.value, columns) for term in memory.terms])
    queries = [layout.sequence(read.query, rows) for read in memory.reads]
    strict = [not read.after for read in memory.reads]
    if memory.corrects:
        queries += [layout.sequence(term.erase, rows) for term in memory.terms]
        strict += [True] * terms
    segments = None if problem.resets is None else Segments(problem.resets, layout)
    decay = Decay(memory, layout, segments)
    scores = decay.scores(queries, strict, keys) if queries else []
    queries = [decay.from_start(q, before) for q, before in zip(queries, strict, strict=True)]
    keys = decay.to_end(keys)
    first = _first(problem.states, memory, layout)
    reset_values = None if segments is None else _first(problem.reset_values, memory, layout)[None]
    reads = len(memory.reads)
    if memory.corrects:
        left = _rows(tf.stack(scores[reads:], -2), layout.steps * terms)
        left += tf.eye(layout.steps * terms, dtype=layout.dtype)
        erase = _rows(tf.stack(queries[reads:], -2), layout.steps * terms)
        if segments is not None:
            # Steps after a reset erase from the initial values, not from the memory before the
            # chunk.
            carried_to, zero = segments.carried(terms), tf.zeros([], erase.dtype)
            values -= tf.matmul(tf.where(carried_to, zero, erase), reset_values)
            erase = tf.where(carried_to, erase, zero)
        solved = tf.linalg.triangular_solve(left, tf.concat([values, erase], -1))
        # The gradient of a slice fills a whole tensor with zeros, slowly.
        values, erase = tf.split(solved, [columns, rows], -1)
        gain = tf.matmul(keys, values, transpose_a=True)
        kept, gain = _kept(decay.of_chunk(keys), gain, segments, reset_values)
        factor = kept * tf.eye(rows, dtype=layout.dtype)
        factor -= tf.matmul(keys, erase, transpose_a=True)
        before, last = memories(factor, gain, first, matrix=True)
        values -= tf.matmul(erase, before)
    else:
        gain = tf.matmul(keys, values, transpose_a=True)
        if decay.is_none and segments is None and not compiled():
            before, last = running_sums(gain, tf.broadcast_to(first, tf.shape(gain)[1:]))
        else:
            kept, gain = _kept(decay.of_chunk(keys), gain, segments, reset_values)
            before, last = memories(kept, gain, first, matrix=False)
    outputs = {}
    for read, query, score in zip(memory.reads, queries, scores, strict=False):
        start = tf.matmul(query, before)
        if segments is not None:
            start = tf.where(segments.carried(), start, tf.matmul(query, reset_values))
        outputs[read.name] = layout.joined(tf.matmul(score, values) + start)
    return outputs, {memory.state: _state(last, problem.states[memory.state], memory.transposed)}


def _first(states: Mapping[str, Tensor], memory: Memory, layout: Layout) -> Tensor:
    """Return the state of a memory as matrices, ``batch x heads x rows x columns``."""
    return _matrices(tf.cast(states[memory.state], layout.dtype), memory)


def _kept(
    factor: Tensor, gain: Tensor, segments: Segments | None, reset_values: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the factor by which a chunk keeps the memory before it, and its gain.

    If the chunk has a reset, the factor is zero, and the decayed initial values are added to the
    gain.
    """
    if segments is None:
        return factor, gain
    cut = segments.cut()
    gain += tf.where(cut, factor * reset_values, tf.zeros([], gain.dtype))
    return tf.where(cut, tf.zeros([], factor.dtype), factor), gain


def _rows(value: Tensor, count: int) -> Tensor:
    """Return ``... x steps x terms x width`` as ``... x count x width``."""
    return tf.reshape(value, tf.concat([tf.shape(value)[:-3], [count, value.shape[-1]]], 0))


def _matrices(state: Tensor, memory: Memory) -> Tensor:
    """Return a state, ``batch x width``, as ``batch x heads x rows x columns`` of the memory."""
    *heads, rows, columns = memory.shape
    # The rows of a memory belong to its keys; those of its state may belong to its values.
    size = (columns, rows) if memory.transposed else (rows, columns)
    value = tf.reshape(state, [-1, math.prod(heads), *size])
    return tf.linalg.matrix_transpose(value) if memory.transposed else value


def _state(memory: Tensor, like: Tensor, transposed: bool) -> Tensor:
    """Return ``batch x heads x rows x columns`` as a state, ``batch x width``."""
    value = tf.linalg.matrix_transpose(memory) if transposed else memory
    return tf.ensure_shape(tf.reshape(tf.cast(value, like.dtype), tf.shape(like)), like.shape)
