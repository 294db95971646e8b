"""Looking up valid steps under a mask, without a loop: the last, the previous, the last few.

Resets cut a row into sequences. A step only looks up values within its own sequence.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from .packing import joined


@tf.autograph.experimental.do_not_convert
def harmless(mask: Tensor, value: Tensor) -> Tensor:
    """Return the values; a masked step has that of the row's first valid step, without a gradient.

    What a masked step computes reaches no output, so its gradient is zero. But zero times an
    infinite slope, such as that of a logarithm of zero, is NaN. Every operand of a masked step is
    therefore that of the first valid step: the masked step computes the same, and is as finite.
    A row without a valid step borrows from the other rows, see `borrowed`.

    Args:
        mask: ``time x batch x 1``, true where valid, or None.
        value: ``time x batch x ...``; what it has at masked steps does not matter, not even NaN.
    """
    if mask is None:
        return value
    known = _never_empty(tf.stop_gradient(value))
    steps, rows = tf.shape(mask)[0], tf.range(tf.shape(mask)[1])
    index = tf.where(mask[:, :, 0], tf.range(steps)[:, None], steps)
    first = tf.minimum(tf.reduce_min(index, 0), tf.maximum(steps - 1, 0))
    for _ in range(value.shape.rank - 3):
        mask = mask[..., None]
    first = tf.gather_nd(known, tf.stack([first, rows], 1))
    return tf.where(mask, value, borrowed(tf.reduce_any(mask, 0), first))


def borrowed(own: Tensor, value: Tensor) -> Tensor:
    """Return the values; a row without its own has the largest of all rows, or 1 if none has one.

    Args:
        own: ``batch x 1 ...`` booleans, true where a row has its own value.
        value: ``batch x ...``.
    """
    known = tf.where(own, tf.stop_gradient(value), value.dtype.min)
    most = tf.reduce_max(known, 0, keepdims=True)
    most = tf.where(tf.reduce_any(own), most, tf.ones([], value.dtype))
    return tf.where(own, value, most)


class ValidSteps:
    """Where the valid steps of each row are, and to which of its sequences each step belongs.

    Args:
        mask: ``time x batch x 1`` booleans, true where valid; None if every step is. Then resets
            must be given.
        resets: ``time x batch x 1`` booleans, true where a new sequence begins, or None.
    """

    def __init__(self, mask: Tensor, resets: Tensor = None) -> None:
        self.mask, self.all = mask, mask is None
        flat = (tf.ones_like(resets) if mask is None else mask)[:, :, 0]
        self.steps = tf.shape(flat)[0]
        index = tf.range(self.steps)[:, None]
        # Valid steps first, each group in order of time. The keys are unique, so the sort need not
        # be stable.
        self.order = tf.argsort(tf.where(flat, index, index + self.steps), axis=0)
        self.count = tf.cumsum(tf.cast(flat, tf.int32), axis=0)
        self.starts = None if resets is None else ValidSteps(resets)
        if self.starts is not None:
            # How many valid steps of the row precede the sequence of each step.
            earlier = (self.count - tf.cast(flat, tf.int32))[:, :, None]
            self.begin = self.starts.last(earlier)[:, :, 0]

    def take(self, values: Tensor, place: Tensor, otherwise: Tensor) -> Tensor:
        """Return the values of the ``place``-th valid steps of each row, counted from 0.

        Args:
            values: ``time x batch x width``.
            place: ``n x batch`` indices; ``otherwise`` is returned for negative ones.
            otherwise: ``batch x width``, ``n x batch x width``, or a number.
        """
        order, values = _never_empty(self.order), _never_empty(values)
        step = tf.gather(
            tf.transpose(order), tf.transpose(tf.maximum(place, 0)), axis=1, batch_dims=1
        )
        picked = tf.gather(tf.transpose(values, [1, 0, 2]), step, axis=1, batch_dims=1)
        picked = tf.transpose(picked, [1, 0, 2])
        return tf.where((place >= 0)[:, :, None], picked, tf.cast(otherwise, values.dtype))

    def last(self, values: Tensor) -> Tensor:
        """Return at each step the last valid value so far, ``time x batch x width``, or zero."""
        return values if self.all else self.take(values, self._within(self.count - 1), 0.0)

    def final(self, values: Tensor) -> Tensor:
        """Return the last valid value of each row's last sequence, ``batch x width``, or zero."""
        if self.starts is None:
            return self.take(values, self.total()[None] - 1, 0.0)[0]
        return self.take(values, _end(self._within(self.count - 1), -1), 0.0)[0]

    def total(self) -> Tensor:
        """Return the number of valid steps of each row, ``batch``."""
        return tf.reduce_sum(self.count[-1:], axis=0)

    def seen(self) -> Tensor:
        """Return whether a valid step has occurred in the sequence so far, ``time x batch x 1``."""
        own = self.count if self.starts is None else self.count - self.begin
        return (own > 0)[:, :, None]

    def any(self) -> Tensor:
        """Return whether the last sequence of each row has a valid step, ``batch``."""
        if self.starts is None:
            return self.total() > 0
        return _end(self.count - self.begin, 0)[0] > 0

    def first_sequence(self) -> Tensor:
        """Return which steps come before any reset, ``time x batch x 1``; resets must be given."""
        assert self.starts is not None
        return (self.starts.count == 0)[:, :, None]

    def _within(self, place: Tensor) -> Tensor:
        """Return the indices, with -1 for those before the sequence of the step."""
        return place if self.starts is None else tf.where(place >= self.begin, place, -1)


def backwards(resets: Tensor) -> Tensor:
    """Return resets in reversed time: a sequence that begins at step t is entered from its end, so
    the states return to their initial values between steps t and t - 1.

    Args:
        resets: ``time x batch x ...`` booleans.
    """
    rest = [[0, 0]] * (len(resets.shape) - 1)
    return tf.pad(tf.reverse(resets, [0]), [[1, 0], *rest])[:-1]


def _end(values: Tensor, otherwise: Tensor) -> Tensor:
    """Return the last of ``time x batch`` values, ``1 x batch``, or ``otherwise`` for 0 steps."""
    none = tf.fill(tf.shape(values[:1])[1:], tf.cast(otherwise, values.dtype))
    return tf.concat([none[None], values], 0)[-1:]


def _never_empty(values: Tensor) -> Tensor:
    """Return the values, with a step of zeros appended if there may be no step."""
    if values.shape[0]:
        return values
    one = tf.zeros(tf.concat([[1], tf.shape(values)[1:]], 0), values.dtype)
    return tf.ensure_shape(joined([values, one], 0), [None, *values.shape[1:]])


def previous_values(
    values: Tensor, first: Tensor, valid: ValidSteps | None
) -> tuple[Tensor, Tensor]:
    """Return the value of the last valid step before each step, and the value to carry on.

    Args:
        values: ``time x batch x width``.
        first: the value before the first step, ``batch x width``; after a reset it is zero.
        valid: the valid steps, or None if all steps are valid and there are no resets.
    """
    if valid is None:
        extended = joined([first[None], values], 0)
        return extended[:-1], extended[-1]
    place = tf.concat([tf.zeros_like(valid.total()[None]), valid.count], 0) - 1
    if valid.starts is not None:
        # The entry after the last step belongs to the last sequence.
        begin = tf.concat([valid.begin, _end(valid.begin, 0)], 0)
        place = tf.where(place >= begin, place, -1)
        number = tf.concat([valid.starts.count, _end(valid.starts.count, 0)], 0)
        first = tf.where((number == 0)[:, :, None], first, tf.zeros([], first.dtype))
    shifted = valid.take(values, place, first)
    return shifted[:-1], shifted[-1]


def history(
    values: Tensor, earlier: Tensor, length: int, valid: ValidSteps | None
) -> tuple[Tensor, Tensor]:
    """Return the last ``length`` valid values at each step (oldest first), and those to carry on.

    Args:
        values: ``time x batch x width``.
        earlier: the last ``length - 1`` values before the first step,
            ``batch x (length - 1) x width``; after a reset they are zero.
        length: how many values.
        valid: the valid steps, or None if all steps are valid and there are no resets.

    Returns:
        ``time x batch x length x width``, and ``batch x (length - 1) x width``.
    """
    if valid is not None:
        ordered = tf.gather(
            tf.transpose(values, [1, 0, 2]), tf.transpose(valid.order), axis=1, batch_dims=1
        )
        count, total = tf.transpose(valid.count), valid.total()
    else:
        ordered = tf.transpose(values, [1, 0, 2])
        steps, batch = tf.shape(ordered)[1], tf.shape(ordered)[0]
        count = tf.tile(tf.range(1, steps + 1)[None], [batch, 1])
        total = tf.fill([batch], steps)
    padded = joined([earlier, ordered], 1)
    window = tf.range(length)
    # Entry `count + length - 2` of the padded sequence is the newest valid value.
    place = tf.maximum(count[:, :, None] - 1, 0) + window
    gathered = tf.gather(padded, place, axis=1, batch_dims=1)
    later = total[:, None] + tf.range(length - 1)
    rest = tf.gather(padded, later, axis=1, batch_dims=1)
    if valid is not None and valid.starts is not None:
        begin, number = tf.transpose(valid.begin), tf.transpose(valid.starts.count)
        own = (place - length + 1 >= begin[:, :, None]) | (number == 0)[:, :, None]
        gathered = tf.where(own[..., None], gathered, tf.zeros([], gathered.dtype))
        begin, number = _end(valid.begin, 0)[0], _end(valid.starts.count, 0)[0]
        own = (later - length + 1 >= begin[:, None]) | (number == 0)[:, None]
        rest = tf.where(own[..., None], rest, tf.zeros([], rest.dtype))
    return tf.transpose(gathered, [1, 0, 2, 3]), rest
