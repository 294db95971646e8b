"""Cuts sequences into chunks, ``chunks x batch x heads x steps x width``, and joins them again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Expr
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.problem import Problem

LARGEST = 64
"""The largest number of keys in a chunk."""


def at_least_single(dtype: tf.DType) -> tf.DType:
    """Return the type, or float32 if it is a low precision type."""
    return dtype if dtype.size >= 4 else tf.float32


@dataclass(frozen=True)
class Layout:
    """How the sequences of a problem are cut into chunks.

    Args:
        known: the values at all steps.
        heads: the sizes of the axes of heads.
        side: the larger side of a head's matrix.
        terms: the keys of a step.
    """

    known: SharedValues
    heads: tuple[int, ...]
    side: int
    terms: int = 1

    @property
    def problem(self) -> Problem:
        """The call, time first."""
        return self.known.problem

    @property
    def steps(self) -> int:
        """The steps of a chunk, a power of two; a short sequence is a single chunk.

        If the matrix is small, products of keys with keys are most of the work, so chunks are
        shorter: at time 4096, matrices of 32 x 32 train in a tenth less time in chunks of 32.
        With two keys a step, chunks of half the steps train in a seventh less time (rwkv7, batch
        32, time 512, matrices of 16 x 16).
        """
        most = LARGEST if 2 * self.side > LARGEST else LARGEST // 2
        most = 1 << max(most // self.terms, 1).bit_length() - 1
        time = self.problem.inputs["x"].shape[0]
        return most if time is None else min(most, 1 << max(time - 1, 0).bit_length())

    @property
    def dtype(self) -> tf.DType:
        """The type of the computation: that of the variables, at least single precision."""
        return at_least_single(self.problem.inputs["x"].dtype)

    def shape(self) -> Tensor:
        """Return time and batch."""
        return tf.shape(self.problem.inputs["x"])[:2]

    def sequence(self, expr: Expr | None, width: int) -> Tensor:
        """Return an expression at all steps, ``chunks x batch x heads x steps x width``.

        Args:
            expr: the expression; None for zero.
            width: the width of its last axis.
        """
        return self.cut(self.values(expr, width))

    def values(self, expr: Expr | None, width: int) -> Tensor:
        """Return an expression at all steps, ``time x batch x heads x width``; zero where masked.

        Args:
            expr: the expression; None for zero.
            width: the width of its last axis.
        """
        value: Tensor = 0.0 if expr is None else self.known.of(expr)
        value = tf.convert_to_tensor(value, None if tf.is_tensor(value) else self.dtype)
        value = tf.cast(value, self.dtype)
        shape = (*self.heads, width)
        if value.shape.rank != 2 + len(shape) or value.shape[2:] != shape:
            value = tf.broadcast_to(value, tf.concat([self.shape(), shape], 0))
        time, batch = tf.unstack(self.shape())
        value = tf.reshape(value, tf.stack([time, batch, math.prod(self.heads), width]))
        mask = self.problem.mask
        if mask is not None:
            value = tf.where(mask[..., None], value, tf.zeros([], value.dtype))
        return value

    def cut(self, value: Tensor) -> Tensor:
        """Return ``time x batch x heads x width`` as ``chunks x batch x heads x steps x width``."""
        steps, (time, batch, heads, width) = self.steps, tf.unstack(tf.shape(value))
        count = tf.maximum((time + steps - 1) // steps, 1)
        if value.shape[0] is None or value.shape[0] % steps or not value.shape[0]:
            value = tf.pad(value, [[0, count * steps - time], [0, 0], [0, 0], [0, 0]])
        static = value.shape
        value = tf.reshape(value, tf.stack([count, steps, batch, heads, width]))
        value = tf.transpose(value, [0, 2, 3, 1, 4])
        known = None if static[0] is None else static[0] // steps
        return tf.ensure_shape(value, [known, static[1], static[2], steps, static[3]])

    def joined(self, value: Tensor) -> Tensor:
        """Return ``chunks x batch x heads x steps x width`` as ``time x batch x ... x width``."""
        time, batch = tf.unstack(self.shape())
        value, width = tf.transpose(value, [0, 3, 1, 2, 4]), value.shape[-1]
        value = tf.reshape(value, tf.stack([-1, batch, *self.heads, width]))[:time]
        x = self.problem.inputs["x"]
        value = harmless(self.problem.mask, tf.cast(value, x.dtype))
        return tf.ensure_shape(value, [*x.shape[:2], *self.heads, width])


class Segments:
    """Which sequence each step of a chunk belongs to; 0 is the one that the chunk continues.

    Args:
        resets: ``time x batch x 1``, true where a sequence begins.
        layout: how sequences are cut into chunks.
    """

    def __init__(self, resets: Tensor, layout: Layout) -> None:
        cut = layout.cut(tf.cast(resets, tf.int32)[:, :, None])
        self.numbers = tf.cumsum(cut[..., 0], -1)

    def together(self, terms: int = 1) -> Tensor:
        """Return which steps and keys share a sequence, ``... x steps x (steps * terms)``."""
        keys = tf.repeat(self.numbers, terms, -1) if terms > 1 else self.numbers
        return self.numbers[..., :, None] == keys[..., None, :]

    def carried(self, terms: int = 1) -> Tensor:
        """Return which steps read the memory before the chunk, ``... x (steps * terms) x 1``."""
        return self._of_terms(self.numbers == 0, terms)

    def handed(self, terms: int = 1) -> Tensor:
        """Return which steps are in the memory after the chunk, ``... x (steps * terms) x 1``."""
        return self._of_terms(self.numbers == self.numbers[..., -1:], terms)

    def cut(self) -> Tensor:
        """Return which chunks have a reset, which the memory does not pass, ``... x 1 x 1``."""
        return (self.numbers[..., -1:] > 0)[..., None]

    def sums(self, values: Tensor) -> Tensor:
        """Return the sums over the steps of a sequence up to each step, ``... x steps x width``."""
        steps = tf.range(values.shape[-2])
        summed = self.together() & (steps[None, :] <= steps[:, None])
        return tf.matmul(tf.cast(summed, values.dtype), values)

    def _of_terms(self, steps: Tensor, terms: int) -> Tensor:
        return (tf.repeat(steps, terms, -1) if terms > 1 else steps)[..., None]
