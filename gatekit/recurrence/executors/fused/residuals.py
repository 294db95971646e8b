"""Residuals: the values that the forward loop saves at each step for the backward loop.

The backward loop saves values in the same way, for the gradients of weights, which are computed
after it. There are two layouts, with the same numbers:

- `PackedResiduals`, under XLA: one row per step, with everything side by side. It is written in
  place; each additional array would cost another copy in each step.
- `ListResiduals`, in eager and graph mode: a list for each value. It takes the tensors themselves,
  without a copy. Graph mode frees each as soon as the backward loop has read it, while the lists
  that the backward loop writes grow at the same rate.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.packing import (
    Columns,
    side_by_side,
    split,
    stacked,
    unstack,
    vectorizable,
)

ReadStep = Callable[[Tensor, Tensor], tuple[dict[str, Tensor], Tensor]]
Values: TypeAlias = Mapping[str, Tensor]
Arrays: TypeAlias = tf.TensorArray
"""The arrays that a loop passes from step to step: a single one, or a tuple of them."""


@dataclass(frozen=True)
class Steps:
    """One value at every step, read whole or in blocks of steps.

    Args:
        width: its width.
        dtype: its type.
        whole: returns all steps, ``time x batch x width``.
        block: returns the steps from a start to a stop, ``(stop - start) x batch x width``.
    """

    width: int
    dtype: tf.DType
    whole: Callable[[], Tensor]
    block: Callable[[Tensor, Tensor], Tensor]

    @classmethod
    def of_tensor(cls, tensor: Tensor) -> Steps:
        """Return the steps of a tensor ``time x batch x width``."""
        width, dtype = tensor.shape[-1], tensor.dtype
        return cls(width, dtype, lambda: tensor, lambda start, stop: tensor[start:stop])

    @classmethod
    def of_list(
        cls,
        items: tf.TensorArray,
        count: Tensor,
        batch: Tensor,
        shape: tuple[int | None, int | None, int],
    ) -> Steps:
        """Return the first steps of a list.

        Args:
            items: a `tf.TensorArray`; it may have more items than there are steps.
            count: the number of steps.
            batch: the number of rows.
            shape: time and batch, each None if unknown, and the width.
        """

        def whole() -> Tensor:
            return tf.ensure_shape(stacked(items, [batch, shape[-1]])[:count], shape)

        def block(start: Tensor, stop: Tensor) -> Tensor:
            rows = vectorizable(items.gather(tf.range(start, stop)))
            return tf.ensure_shape(rows, [None, *shape[1:]])

        return cls(shape[-1], items.dtype, whole, block)

    def times(self, factors: Tensor) -> Steps:
        """Return each step multiplied by the same factors, ``batch x width``."""
        return Steps(
            self.width,
            self.dtype,
            lambda: self.whole() * factors,
            lambda start, stop: self.block(start, stop) * factors,
        )

    def where(self, chosen: Tensor, value: Tensor) -> Steps:
        """Return each step with chosen rows replaced by the same value.

        Args:
            chosen: ``time x batch x 1`` booleans.
            value: ``batch x width``.
        """
        return Steps(
            self.width,
            self.dtype,
            lambda: tf.where(chosen, value, self.whole()),
            lambda start, stop: tf.where(chosen[start:stop], value, self.block(start, stop)),
        )


class Residuals(abc.ABC):
    """The values that a loop saves at each step.

    While the loop runs, the arrays are loop variables. Call `start` before the loop, `write` in
    each step, and `finish` after it.

    Args:
        entries: the widths of each entry's columns by key. An entry is a tensor that the loop
            computes; most have one column, under their own key.
        states: the entries that are states. Their value before each step can be read, too.
        steps: the number of steps.
        static: time and batch, each None if unknown.
        dtype: the type of the values.
        batch: the number of rows.
    """

    def __init__(
        self,
        entries: Mapping[str, Mapping[str, int]],
        states: Collection[str],
        steps: Tensor,
        static: tuple[int | None, int | None],
        dtype: tf.DType,
        batch: Tensor,
    ) -> None:
        self.entries, self.states = entries, states
        self.widths = {key: width for columns in entries.values() for key, width in columns.items()}
        self.steps, self.static, self.dtype, self.batch = steps, static, dtype, batch

    @abc.abstractmethod
    def start(self, first: Values) -> Arrays:
        """Return the empty arrays, given the initial states."""

    @abc.abstractmethod
    def write(self, arrays: Arrays, step: Tensor, before: Values, now: Values) -> Arrays:
        """Return the arrays with a step added.

        Args:
            arrays: the arrays so far.
            step: the index of the step.
            before: the states before the step.
            now: the value of every entry, and of each of its columns, after the step.
        """

    @abc.abstractmethod
    def finish(self, arrays: Arrays, last: Values) -> Self:
        """Return the residuals that the loop wrote, given the last states."""

    @abc.abstractmethod
    def sequence(self, entry: str) -> Tensor:
        """Return an entry after each step, ``time x batch x width``."""

    @abc.abstractmethod
    def saved(self, entry: str) -> Steps:
        """Return an entry at each step; for a state, its value before the step."""

    @abc.abstractmethod
    def columns(self, keys: list[str]) -> Tensor:
        """Return some columns of entries that are not states, side by side over all steps."""

    @abc.abstractmethod
    def backwards(self, prefetch: bool) -> tuple[Tensor, ReadStep]:
        """Return a reader of the steps from the last to the first.

        Args:
            prefetch: whether to read each step one turn early, if this layout benefits from it.

        Returns:
            The initial value of a loop variable, and a function of that variable and the step. The
            function returns the step's columns by key (for states, their value before the step) and
            the variable's next value.
        """

    def readable(self) -> Residuals:
        """Return the same values in a form that the current code, eager or traced, can read."""
        return self


class PackedResiduals(Residuals):
    """One row per step, ``time x batch x width``; for a state, the value before the step."""

    def start(self, first: Values) -> Arrays:
        if not self.widths:
            return ()
        shape = [self.static[1], sum(self.widths.values())]
        return tf.TensorArray(self.dtype, size=self.steps, element_shape=shape)

    def write(self, arrays: Arrays, step: Tensor, before: Values, now: Values) -> Arrays:
        row = [before[k] if k in self.states else now[k] for k in self.widths]
        return arrays.write(step, side_by_side(row)) if row else arrays

    def finish(self, arrays: Arrays, last: Values) -> Self:
        self.last = last
        if self.widths:
            shape = [*self.static, sum(self.widths.values())]
            self.rows = tf.ensure_shape(arrays.stack(), shape)
        return self

    def sequence(self, entry: str) -> Tensor:
        columns = self.columns(list(self.entries[entry]))
        if entry not in self.states:
            return columns
        # The slice drops the last state if there are no steps.
        return tf.concat([columns[1:], self.last[entry][None]], 0)[: self.steps]

    def saved(self, entry: str) -> Steps:
        return Steps.of_tensor(self.columns(list(self.entries[entry])))

    def columns(self, keys: list[str]) -> Tensor:
        return Columns(self.rows, self.widths).of(keys)

    def backwards(self, prefetch: bool) -> tuple[Tensor, ReadStep]:
        array = unstack(self.rows, self.static)

        def read(row: Tensor, step: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            row = row if prefetch else array.read(step)
            following = array.read(tf.maximum(step - 1, 0)) if prefetch else ()
            return split(row, self.widths, self.widths), following

        # The last row, or zeros if there are no steps.
        return tf.reduce_sum(self.rows[-1:], 0) if prefetch else (), read


class ListResiduals(Residuals):
    """A list of steps for each entry; a state's list begins with its initial value."""

    def start(self, first: Values) -> Arrays:
        lists = []
        for entry, columns in self.entries.items():
            more = 1 if entry in self.states else 0
            array = tf.TensorArray(
                self.dtype,
                size=self.steps + more,
                element_shape=[self.static[1], sum(columns.values())],
                clear_after_read=False,
            )
            lists.append(array.write(0, first[entry]) if more else array)
        return tuple(lists)

    def write(self, arrays: Arrays, step: Tensor, before: Values, now: Values) -> Arrays:
        return tuple(
            array.write(step + 1 if entry in self.states else step, now[entry])
            for entry, array in zip(self.entries, arrays, strict=True)
        )

    def finish(self, arrays: Arrays, last: Values) -> Self:
        self.lists = dict(zip(self.entries, arrays, strict=True))
        self.stacked: dict[str, Tensor] = {}
        self.gathered: dict[str, Columns] = {}
        self.eager = tf.executing_eagerly()
        return self

    def readable(self) -> Residuals:
        if not self.eager or tf.executing_eagerly():
            return self
        # `tf.GradientTape.jacobian` traces the gradient of eager code, but a graph cannot read the
        # lists of an eager loop.
        copy = ListResiduals(
            self.entries, self.states, self.steps, self.static, self.dtype, self.batch
        )
        lists = [unstack(array.stack(), self.static) for array in self.lists.values()]
        return copy.finish(lists, {})

    def shape(self, entry: str) -> tuple[int | None, int | None, int]:
        """Return time and batch, each None if unknown, and the width of an entry."""
        return (*self.static, sum(self.entries[entry].values()))

    def sequence(self, entry: str) -> Tensor:
        if entry not in self.states:
            return self.saved(entry).whole()
        # A state's sequence that is an output is stacked here; the backward pass reuses it.
        every = self.stacked[entry] = self.lists[entry].stack()
        return tf.ensure_shape(every[1:], self.shape(entry))

    def saved(self, entry: str) -> Steps:
        if entry in self.states and entry in self.stacked:
            return Steps.of_tensor(self.stacked[entry][:-1])
        return Steps.of_list(self.lists[entry], self.steps, self.batch, self.shape(entry))

    def columns(self, keys: list[str]) -> Tensor:
        parts = []
        owner = {key: entry for entry, columns in self.entries.items() for key in columns}
        for entry, run in itertools.groupby(keys, owner.__getitem__):
            if entry not in self.gathered:
                self.gathered[entry] = Columns(self.sequence(entry), self.entries[entry])
            parts.append(self.gathered[entry].of(list(run)))
        return side_by_side(parts)

    def backwards(self, prefetch: bool) -> tuple[Tensor, ReadStep]:
        if tf.executing_eagerly():
            return (), lambda _, step: ({k: a.read(step) for k, a in self.lists.items()}, ())

        def read(lists: tuple[Tensor, ...], step: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            popped = [self._popped(entry, a) for entry, a in zip(self.entries, lists, strict=True)]
            values = {k: value for k, (_, value) in zip(self.entries, popped, strict=True)}
            return values, tuple(rest for rest, _ in popped)

        # The loop variable has each list without the items that were read. A state's list has one
        # more item, the value after the last step, which is dropped first.
        lists = tuple(
            self._popped(entry, array.flow)[0] if entry in self.states else array.flow
            for entry, array in self.lists.items()
        )
        return lists, read

    def _popped(self, entry: str, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return a list without its last item, and that item."""
        _, batch, width = self.shape(entry)
        popped = tf.raw_ops.TensorListPopBack(
            input_handle=items,
            element_shape=[-1 if batch is None else batch, width],
            element_dtype=self.dtype,
        )
        return popped.output_handle, tf.ensure_shape(popped.tensor, [batch, width])
