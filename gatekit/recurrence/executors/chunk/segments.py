"""Resets within chunks: which steps belong to one sequence, and which of them a chunk hands on."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from .layout import Layout


class Segments:
    """The sequences that a chunk's steps belong to, numbered from 0: that of the chunk before.

    Args:
        resets: ``time x batch x 1``, true where a sequence begins.
        layout: how sequences are cut.
    """

    def __init__(self, resets: Tensor, layout: Layout) -> None:
        cut = layout.cut(tf.cast(resets, tf.int32)[:, :, None])
        self.numbers = tf.cumsum(cut[..., 0], -1)

    def together(self, terms: int = 1) -> Tensor:
        """Return which steps and keys are of one sequence, ``... x steps x (steps * terms)``."""
        keys = tf.repeat(self.numbers, terms, -1) if terms > 1 else self.numbers
        return self.numbers[..., :, None] == keys[..., None, :]

    def carried(self, terms: int = 1) -> Tensor:
        """Return which steps the memory before the chunk reaches, ``... x (steps * terms) x 1``."""
        return self._of_terms(self.numbers == 0, terms)

    def handed(self, terms: int = 1) -> Tensor:
        """Return which steps the memory after the chunk has, ``... x (steps * terms) x 1``."""
        return self._of_terms(self.numbers == self.numbers[..., -1:], terms)

    def cut(self) -> Tensor:
        """Return which chunks hand nothing on of the memory before them, ``... x 1 x 1``."""
        return (self.numbers[..., -1:] > 0)[..., None]

    def sums(self, values: Tensor) -> Tensor:
        """Return the sums over the steps of a sequence up to each step, ``... x steps x width``."""
        steps = tf.range(values.shape[-2])
        summed = self.together() & (steps[None, :] <= steps[:, None])
        return tf.matmul(tf.cast(summed, values.dtype), values)

    def _of_terms(self, steps: Tensor, terms: int) -> Tensor:
        return (tf.repeat(steps, terms, -1) if terms > 1 else steps)[..., None]
