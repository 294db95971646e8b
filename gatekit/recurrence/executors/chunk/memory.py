"""One memory for all steps at once; the names are those of the package's equations."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from gatekit.cell.analysis.chunk import Memory
from gatekit.recurrence.problem import Problem

from .between import carried
from .decay import Decay
from .frame import Frame
from .layout import Layout


def solve(problem: Problem, memory: Memory, env: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the reads of a memory by name, and its last values by state.

    Args:
        problem: the call, time first.
        memory: the memory.
        env: values by key, ``time x batch x width``.

    Returns:
        Sequences ``time x batch x heads x columns``; ``batch x width``.
    """
    *heads, _, columns = memory.shape
    layout = Layout(problem, env, tuple(heads))
    terms = len(memory.terms)

    frame = Frame(memory, layout)
    rows = frame.rows

    def of_terms(parts: list[Any]) -> Any:
        """Return ``... x (steps * terms) x width``, the terms of a step side by side."""
        stacked = tf.stack([layout.cut(part) for part in parts], -2)
        return _rows(stacked, layout.steps * terms)

    keys = of_terms([frame.key(term) for term in memory.terms])
    values = of_terms([layout.values(term.value, columns) for term in memory.terms])
    queries = [layout.cut(frame.query(read)) for read in memory.reads]
    strict = [not read.after for read in memory.reads]
    if memory.corrects:
        erase = [layout.values(term.erase, rows) for term in memory.terms]
        queries += [layout.cut(frame.read(each, after=False)) for each in erase]
        strict += [True] * terms
    decay = Decay(memory, layout)
    found = decay.scores(queries, strict, keys) if queries else []
    queries = [decay.from_start(q, before) for q, before in zip(queries, strict, strict=True)]
    keys = decay.to_end(keys)
    starts = [tf.cast(problem.states[name], layout.dtype) for name in memory.states]
    parts = [_matrices(start, memory) for start in starts]
    first = tf.concat(parts, -2) if memory.partner else parts[0]
    reads = len(memory.reads)
    if memory.corrects:
        left = _rows(tf.stack(found[reads:], -2), layout.steps * terms)
        left += tf.eye(layout.steps * terms, dtype=layout.dtype)
        if terms > 1:
            left += _within_steps(memory, layout)
        erase = _rows(tf.stack(queries[reads:], -2), layout.steps * terms)
        solved = tf.linalg.triangular_solve(left, tf.concat([values, erase], -1))
        values, erase = solved[..., :columns], solved[..., columns:]
        factor = decay.of_chunk(keys) * tf.eye(rows, dtype=layout.dtype)
        factor -= tf.matmul(keys, erase, transpose_a=True)
        gain = tf.matmul(keys, values, transpose_a=True)
        before, last = carried(factor, gain, first, matrix=True)
        values -= tf.matmul(erase, before)
    else:
        gain = tf.matmul(keys, decay.values_to_end(values), transpose_a=True)
        before, last = carried(decay.of_chunk(keys), gain, first, matrix=False)
    outputs = {}
    for read, query, score in zip(memory.reads, queries, found, strict=False):
        within = decay.applied(score, values, strict=not read.after)
        outside = decay.values_from_start(tf.matmul(query, before), strict=not read.after)
        outputs[read.name] = layout.joined(within + outside)
    if memory.corrects:
        each = tf.reshape(values, tf.concat([tf.shape(values)[:3], [-1, terms, columns]], 0))
        for place, term in enumerate(memory.terms):
            outputs[term.name] = layout.joined(each[..., place, :])
    ends = tf.split(frame.last(last), len(starts), -2)
    return outputs, {
        name: _state(end, problem.states[name], memory.transposed)
        for name, end in zip(memory.states, ends, strict=True)
    }


def _rows(value: Any, count: int) -> Any:
    """Return ``... x steps x terms x width`` as ``... x count x width``."""
    return tf.reshape(value, tf.concat([tf.shape(value)[:-3], [count, value.shape[-1]]], 0))


def _within_steps(memory: Memory, layout: Layout) -> Any:
    """Return what a term corrects of earlier terms of its step, ``... x keys x keys``."""
    terms, steps = len(memory.terms), layout.steps
    pairs = [
        tf.concat([layout.sequence(term.earlier.get(i), 1) for i in range(terms)], -1)
        for term in memory.terms
    ]
    within = tf.stack(pairs, -2)[..., :, :, None, :]
    own = tf.reshape(tf.eye(steps, dtype=layout.dtype), [steps, 1, steps, 1])
    shape = tf.concat([tf.shape(within)[:3], [steps * terms, steps * terms]], 0)
    return tf.reshape(within * own, shape)


def _matrices(state: Any, memory: Memory) -> Any:
    """Return a state, ``batch x width``, as ``batch x heads x rows x columns`` of the memory."""
    *heads, rows, columns = memory.shape
    # The memory is read from its keys' side; that of its state may be the other one.
    size = (columns, rows) if memory.transposed else (rows, columns)
    value = tf.reshape(state, [-1, math.prod(heads), *size])
    return tf.linalg.matrix_transpose(value) if memory.transposed else value


def _state(memory: Any, like: Any, transposed: bool) -> Any:
    """Return ``batch x heads x rows x columns`` as a state, ``batch x width``."""
    value = tf.linalg.matrix_transpose(memory) if transposed else memory
    return tf.ensure_shape(tf.reshape(tf.cast(value, like.dtype), tf.shape(like)), like.shape)
