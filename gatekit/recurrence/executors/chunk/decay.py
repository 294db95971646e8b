r"""Decays within a chunk: from step to step, from the chunk's start, and to its end.

If a step has a single decay, sums of its logarithms are computed in double precision, so that they
keep their digits. If each row has its own, the sums have the type of the computation.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.program import Memory

from .layout import Layout, Segments
from .scores import LEAST, causal, prefix_sums, repeated, scores, suffix_sums


class Decay:
    """The decay of a memory.

    Args:
        memory: the memory.
        layout: how sequences are cut into chunks.
        segments: the resets within chunks, or None. Sums of logarithms restart at a reset.
    """

    def __init__(self, memory: Memory, layout: Layout, segments: Segments | None) -> None:
        self.dtype, self.terms = layout.dtype, len(memory.terms)
        self.head = self.column = None
        self.segments = segments
        sums = prefix_sums if segments is None else segments.sums
        if memory.head is not None:
            head = tf.cast(layout.sequence(memory.head, 1), tf.float64)
            self.head = tf.maximum(head, LEAST)[..., 0]
            if segments is None:
                self.head_ends = tf.cumsum(self.head, -1)
            else:
                self.head_ends = segments.sums(self.head[..., None])[..., 0]
        if memory.column is not None:
            self.column = tf.maximum(layout.sequence(memory.column, memory.shape[-2]), LEAST)
            if self.head is not None:
                self.column += tf.cast(self.head, self.dtype)[..., None]
                self.head = None
            self.column_ends = sums(self.column)

    @property
    def is_none(self) -> bool:
        """Whether the memory does not decay."""
        return self.head is self.column is None

    def scores(self, queries: list[Tensor], strict: list[bool], keys: Tensor) -> list[Tensor]:
        """Return the scores with the decay of rows between steps, each ``... x steps x keys``."""
        if self.column is not None:
            decayed = scores(queries, strict, keys, self.column)
        else:
            decayed = []
            for query, before in zip(queries, strict, strict=True):
                score = tf.matmul(query, keys, transpose_b=True)
                if self.head is not None:
                    score *= self.between(before)
                decayed.append(causal(score, self.terms, before))
        if self.segments is None:
            return decayed
        together = self.segments.together(self.terms)
        return [tf.where(together, score, tf.zeros([], score.dtype)) for score in decayed]

    def between(self, strict: bool) -> Tensor:
        """Return the decay from each step to each later one, ``... x steps x keys``."""
        until = self.head_ends - self.head if strict else self.head_ends
        steps = tf.range(until.shape[-1])
        # Other differences are zero or unused. Their gradients would cancel and so lose digits.
        decays = steps[None, :] < steps[:, None] - int(strict)
        if self.segments is not None:
            decays = decays & self.segments.together()
        sums = until[..., :, None] - self.head_ends[..., None, :]
        sums = tf.where(decays, sums, tf.zeros([], sums.dtype))
        decay = tf.exp(tf.cast(sums, self.dtype))
        return tf.repeat(decay, self.terms, -1) if self.terms > 1 else decay

    def from_start(self, queries: Tensor, strict: bool) -> Tensor:
        """Return queries times the decay of rows from the chunk's start or the last reset."""
        if self.column is not None:
            ends = self.column_ends - self.column if strict else self.column_ends
            return queries * tf.exp(ends)
        if self.head is not None:
            ends = self.head_ends - self.head if strict else self.head_ends
            return queries * tf.exp(tf.cast(ends, self.dtype))[..., None]
        return queries

    def to_end(self, keys: Tensor) -> Tensor:
        """Return keys times the decay of rows to the chunk's end; zero before its last reset."""
        if self.segments is not None:
            keys = tf.where(self.segments.handed(self.terms), keys, tf.zeros([], keys.dtype))
        if self.column is not None:
            return keys * repeated(tf.exp(suffix_sums(self.column)), self.terms)
        if self.head is not None:
            rest = self.head_ends[..., -1:] - self.head_ends
            if self.segments is not None:
                handed = self.segments.handed()[..., 0]
                rest = tf.where(handed, rest, tf.zeros([], rest.dtype))
            return keys * repeated(tf.exp(tf.cast(rest, self.dtype))[..., None], self.terms)
        return keys

    def of_chunk(self, like: Tensor) -> Tensor:
        """Return the decay over a chunk or from its last reset, ``... x rows or 1 x 1``.

        Args:
            like: any tensor with the leading axes.
        """
        if self.column is not None:
            return tf.exp(self.column_ends[..., -1, :])[..., None]
        if self.head is not None:
            return tf.exp(tf.cast(self.head_ends[..., -1], self.dtype))[..., None, None]
        return tf.ones_like(like[..., :1, :1])
