"""Values of every step: all of them as one tensor, or a few steps' at a time."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.packing import side_by_side
from gatekit.recurrence.per_example import vectorizable

# Rows of batch x time that one block's product sums over: few enough to lie near the core.
_ROWS = 1024


class Steps(abc.ABC):
    """A value of every step.

    Args:
        width: its width.
        dtype: its type.
    """

    def __init__(self, width: int, dtype: Any) -> None:
        self.width, self.dtype = width, dtype

    @abc.abstractmethod
    def all(self) -> Any:
        """Return the values of all steps, ``time x batch x width``."""

    @abc.abstractmethod
    def block(self, start: Any, stop: Any) -> Any:
        """Return the values of some steps, ``(stop - start) x batch x width``."""


class Whole(Steps):
    """Values that are one tensor.

    Args:
        tensor: ``time x batch x width``.
    """

    def __init__(self, tensor: Any) -> None:
        super().__init__(tensor.shape[-1], tensor.dtype)
        self.tensor = tensor

    def all(self) -> Any:
        return self.tensor

    def block(self, start: Any, stop: Any) -> Any:
        return self.tensor[start:stop]


class Listed(Steps):
    """Values that are items of a list.

    Args:
        items: the list; what is behind the last step is nobody's.
        count: how many steps there are.
        shape: time and batch where they are known, and the width.
    """

    def __init__(self, items: Any, count: Any, shape: tuple[Any, Any, int]) -> None:
        super().__init__(shape[-1], items.dtype)
        self.items, self.count, self.shape = items, count, shape

    def all(self) -> Any:
        return tf.ensure_shape(self.items.stack()[: self.count], self.shape)

    def block(self, start: Any, stop: Any) -> Any:
        items = vectorizable(self.items.gather(tf.range(start, stop)))
        return tf.ensure_shape(items, [None, *self.shape[1:]])


class Scaled(Steps):
    """Values times the same factors in every step.

    Args:
        steps: the values.
        factors: ``batch x width``.
    """

    def __init__(self, steps: Steps, factors: Any) -> None:
        super().__init__(steps.width, steps.dtype)
        self.steps, self.factors = steps, factors

    def all(self) -> Any:
        return self.steps.all() * self.factors

    def block(self, start: Any, stop: Any) -> Any:
        return self.steps.block(start, stop) * self.factors


def summed_product(left: list[Steps], right: Steps, count: Any, batch: Any) -> Any:
    r"""Return $\sum_t \mathrm{left}_t^\top \mathrm{right}_t$, ``width of left x width of right``.

    In graph mode block by block, so that neither side is ever laid out whole in memory.

    Args:
        left: values that stand side by side, each ``time x batch x width``.
        right: ``time x batch x width``.
        count: how many steps there are.
        batch: how many rows a step has.
    """
    if compiled():
        d = right.all()
        parts = [_product(each.all(), d) for each in left]
        return tf.concat(parts, 0) if parts[1:] else parts[0]
    length = tf.maximum(_ROWS // tf.maximum(batch, 1), 1)

    def body(start: Any, total: Any) -> Any:
        stop = tf.minimum(start + length, count)
        rows = side_by_side([each.block(start, stop) for each in left])
        return stop, total + _product(rows, right.block(start, stop))

    zeros = tf.zeros([sum(each.width for each in left), right.width], right.dtype)
    return tf.while_loop(
        lambda start, _: start < count, body, (tf.constant(0), zeros), parallel_iterations=1
    )[1]


def _product(rows: Any, d: Any) -> Any:
    rows, d = (tf.reshape(each, [-1, each.shape[-1]]) for each in (rows, d))
    return tf.matmul(rows, d, transpose_a=True)
