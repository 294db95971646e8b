"""The valid steps of a batch in order, and which of them belong to the same sequence."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.masking import borrowed, harmless


def last_step(values: Tensor) -> Tensor:
    """Return the last step of ``batch x time x ...`` as ``batch x 1 x ...``; zero without steps."""
    if values.dtype == tf.bool:
        return tf.reduce_any(values[:, -1:], 1, keepdims=True)
    return tf.reduce_sum(values[:, -1:], 1, keepdims=True)


class Order:
    """Where the valid steps of a batch are; computed once for all parts of a block.

    Args:
        x: ``batch x time x features``.
        mask: ``batch x time`` booleans, true where valid; None if all steps are.
        resets: ``batch x time`` booleans, true where a new sequence begins; None for no resets.
    """

    def __init__(self, x: Tensor, mask: Tensor, resets: Tensor) -> None:
        self.mask, self.resets = mask, resets
        self.time = tf.shape(x)[1]
        self._has_steps = bool(x.shape[1])
        self.segments: Tensor = None if resets is None else tf.cumsum(tf.cast(resets, tf.int32), 1)
        if mask is not None:
            steps = tf.range(self.time)
            # The keys are distinct, so the result does not depend on the sorting algorithm.
            self._first = tf.argsort(tf.where(mask, steps, steps + self.time), axis=1)
            self._count = tf.cumsum(tf.cast(mask, tf.int32), 1)
            self._any = self._count > 0
            if self.segments is not None:
                last = self.taken(self.packed(self.segments), 0)
                self._any &= last == self.segments

    def harmless(self, values: Tensor) -> Tensor:
        """Return the values; a masked step has that of the first valid step; see `masking`.

        Args:
            values: ``batch x time x width``.
        """
        if self.mask is None:
            return values
        steps = harmless(tf.transpose(self.mask)[:, :, None], tf.transpose(values, [1, 0, 2]))
        return tf.transpose(steps, [1, 0, 2])

    def packed(self, values: Tensor) -> Tensor:
        """Return ``batch x time x ...`` with the valid steps first."""
        return values if self.mask is None else tf.gather(values, self._first, batch_dims=1)

    def taken(self, packed: Tensor, shift: int) -> Tensor:
        """Return, for each step, the entry at its index among the valid steps plus ``shift``.

        Args:
            packed: ``batch x (time + n) x ...``: n earlier entries, then the result of `packed`.
            shift: from 0 to n. A masked step takes the entry of the valid step before it.
        """
        if self.mask is None:
            return self._run(packed, shift, self.time)
        place = tf.maximum(self._count - 1 + shift, 0)
        return tf.gather(packed, place, batch_dims=1)

    @staticmethod
    def _run(packed: Tensor, start: int | Tensor, size: int | Tensor) -> Tensor:
        """Return entries in a row; the gradient of a strided slice takes five times as long."""
        rest = packed.shape.rank - 2
        return tf.slice(packed, [0, start, *[0] * rest], [-1, size, *[-1] * rest])

    def last(self, packed: Tensor, size: int) -> Tensor:
        """Return the last ``size`` entries, which the next call needs."""
        if self.mask is None:
            return self._run(packed, self.time, size)
        return tf.gather(packed, last_step(self._count) + tf.range(size), batch_dims=1)

    def end(self, values: Tensor) -> Tensor:
        """Return the value of the last valid step of each row's last sequence.

        Rows without one borrow from the others, see `masking.borrowed`.

        Args:
            values: ``batch x time x width``.

        Returns:
            ``batch x 1 x width``.
        """
        value = last_step(self.held(values))
        return value if self.mask is None else borrowed(last_step(self._any[:, :, None]), value)

    def any_valid(self, values: Tensor) -> Tensor:
        """Return the values, ``batch x width``, with zero in rows whose last sequence has no valid
        step."""
        if self.mask is not None:
            some = last_step(self._any)
        elif self._has_steps:
            return values
        else:
            some = self.time > 0
        return tf.where(some, values, tf.zeros_like(values))

    def held(self, values: Tensor) -> Tensor:
        """Return the values; a masked step has the last valid value of its sequence, or zero.

        Args:
            values: ``batch x time x width``.
        """
        if self.mask is None:
            return values
        kept = self.taken(self.packed(values), 0)
        return tf.where(self._any[:, :, None], kept, tf.zeros_like(kept))
