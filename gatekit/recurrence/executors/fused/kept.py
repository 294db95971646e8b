"""What a loop keeps of each step, for the outputs, for the backward loop and for what follows it.

Under XLA one row with everything side by side is best: it is written in place, and each further
array costs another copy in each step. In graph mode a list for each value is best: it takes the
tensors as they are, copies none, and gives each up as soon as the backward loop has taken it, whose
own lists grow as fast. The numbers are the same.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.packing import side_by_side, split, unstack

from .steps import Listed, Steps, Whole


class Keeper(abc.ABC):
    """Keeps values while a loop runs; its arrays are variables of the loop.

    Args:
        states: width of each state of which the value before a step is needed, too.
        values: width of each other value.
        steps: how many steps there are.
        static: time and batch where they are known.
        dtype: the type of all of it.
    """

    def __init__(
        self,
        states: Mapping[str, int],
        values: Mapping[str, int],
        steps: Any,
        static: tuple[Any, Any],
        dtype: Any,
    ) -> None:
        self.states, self.widths = list(states), {**states, **values}
        self.steps, self.static, self.dtype = steps, static, dtype

    @abc.abstractmethod
    def start(self, states: Mapping[str, Any]) -> Any:
        """Return the empty arrays, given the states before the first step."""

    @abc.abstractmethod
    def write(self, arrays: Any, step: Any, before: Mapping[str, Any], now: Any) -> Any:
        """Return the arrays with a step's values; of states those before it and those after."""

    @abc.abstractmethod
    def done(self, arrays: Any, last: Mapping[str, Any]) -> Kept:
        """Return what was kept, given the last states."""


class Kept(abc.ABC):
    """What was kept of all steps."""

    @abc.abstractmethod
    def sequence(self, key: str) -> Any:
        """Return a value of every step, ``time x batch x width``; of a state that after it."""

    @abc.abstractmethod
    def steps(self, key: str) -> Steps:
        """Return a value of every step; of a state that before it."""

    def here(self) -> Kept:
        """Return the same values where what is traced now can read them."""
        return self

    @abc.abstractmethod
    def reader(self, ahead: bool) -> Reader:
        """Return what reads step after step, from the last to the first.

        Args:
            ahead: whether to read one step early, where what is kept gains by it.
        """


class Reader(abc.ABC):
    """Reads what was kept, from the last step to the first; its place is a variable of a loop."""

    @abc.abstractmethod
    def start(self) -> Any:
        """Return the place before the last step."""

    @abc.abstractmethod
    def read(self, place: Any, step: Any) -> tuple[dict[str, Any], Any]:
        """Return a step's values, of states those before it, and the place after reading them."""


def keeper(*arguments: Any) -> Keeper:
    """Return the keeper that is best where this is traced; its arguments are `Keeper`'s."""
    return Rows(*arguments) if compiled() else Lists(*arguments)


class Rows(Keeper):
    """Keeps one row a step: the states before it, then values."""

    def start(self, states: Mapping[str, Any]) -> Any:
        shape = [self.static[1], sum(self.widths.values())]
        return tf.TensorArray(self.dtype, size=self.steps, element_shape=shape)

    def write(self, arrays: Any, step: Any, before: Mapping[str, Any], now: Any) -> Any:
        line = [before[k] if k in self.states else now[k] for k in self.widths]
        return arrays.write(step, side_by_side(line))

    def done(self, arrays: Any, last: Mapping[str, Any]) -> KeptRows:
        return KeptRows(self, arrays, last)


class KeptRows(Kept):
    """One row a step, ``time x batch x width``."""

    def __init__(self, keeper: Rows, array: Any, last: Mapping[str, Any]) -> None:
        self.keeper, self.final = keeper, last
        shape = [*keeper.static, sum(keeper.widths.values())]
        self.rows = tf.ensure_shape(array.stack(), shape)

    def columns(self, key: str) -> Any:
        widths = self.keeper.widths
        start = sum(widths[k] for k in list(widths)[: list(widths).index(key)])
        return self.rows[:, :, start : start + widths[key]]

    def steps(self, key: str) -> Steps:
        return Whole(self.columns(key))

    def sequence(self, key: str) -> Any:
        if key not in self.keeper.states:
            return self.columns(key)
        sequence = tf.concat([self.columns(key)[1:], self.final[key][None]], 0)
        # With no step there is no output, but the last state would add one.
        return sequence[: self.keeper.steps]

    def reader(self, ahead: bool) -> Reader:
        return _RowReader(self, ahead)


class _RowReader(Reader):
    """Its place is the next row where that is read one step early, and nothing otherwise."""

    def __init__(self, kept: KeptRows, ahead: bool) -> None:
        self.kept, self.ahead = kept, ahead
        self.array = unstack(kept.rows, kept.keeper.static)

    def start(self) -> Any:
        # The last row; zeros where there is no step, and so no row to read.
        return tf.reduce_sum(self.kept.rows[-1:], 0) if self.ahead else ()

    def read(self, place: Any, step: Any) -> tuple[dict[str, Any], Any]:
        row = place if self.ahead else self.array.read(step)
        following = self.array.read(tf.maximum(step - 1, 0)) if self.ahead else ()
        widths = self.kept.keeper.widths
        return split(row, widths, widths), following


class Lists(Keeper):
    """Keeps a list for each value; that of a state begins with the one before the first step."""

    def start(self, states: Mapping[str, Any]) -> Any:
        lists = []
        for key, width in self.widths.items():
            more = 1 if key in self.states else 0
            made = tf.TensorArray(
                self.dtype,
                size=self.steps + more,
                element_shape=[self.static[1], width],
                clear_after_read=False,
            )
            lists.append(made.write(0, states[key]) if more else made)
        return tuple(lists)

    def write(self, arrays: Any, step: Any, before: Mapping[str, Any], now: Any) -> Any:
        return tuple(
            made.write(step + 1 if key in self.states else step, now[key])
            for key, made in zip(self.widths, arrays, strict=True)
        )

    def done(self, arrays: Any, last: Mapping[str, Any]) -> KeptLists:
        return KeptLists(self, dict(zip(self.widths, arrays, strict=True)))


class KeptLists(Kept):
    """A list over all steps for each value."""

    def __init__(self, keeper: Lists, lists: Mapping[str, Any]) -> None:
        self.keeper, self.lists = keeper, lists
        self.stacked: dict[str, Any] = {}
        self.eager = tf.executing_eagerly()

    def here(self) -> Kept:
        if not self.eager or tf.executing_eagerly():
            return self
        # `tf.GradientTape.jacobian` traces the gradient of what ran eagerly. A graph cannot read
        # lists of an eager loop.
        static = self.keeper.static
        lists = {key: unstack(made.stack(), static) for key, made in self.lists.items()}
        return KeptLists(self.keeper, lists)

    def listed(self, key: str) -> Listed:
        keeper = self.keeper
        shape = (*keeper.static, keeper.widths[key])
        return Listed(self.lists[key], keeper.steps, shape)

    def steps(self, key: str) -> Steps:
        if key in self.keeper.states and key in self.stacked:
            return Whole(self.stacked[key][:-1])
        return self.listed(key)

    def sequence(self, key: str) -> Any:
        if key not in self.keeper.states:
            return self.listed(key).all()
        # Who asks for a state's sequence has it stacked; the backward pass takes it from there.
        stacked = self.stacked[key] = self.lists[key].stack()
        return tf.ensure_shape(stacked[1:], [*self.keeper.static, self.keeper.widths[key]])

    def reader(self, ahead: bool) -> Reader:
        return _ListReader(self)


class _ListReader(Reader):
    """Its place are the lists, each without the items that have been read; none of them eagerly."""

    def __init__(self, kept: KeptLists) -> None:
        self.kept = kept
        self.eager = tf.executing_eagerly()

    def start(self) -> Any:
        if self.eager:
            return ()
        # The last states are behind the last step.
        states = self.kept.keeper.states
        return tuple(
            self.popped(key, made.flow)[0] if key in states else made.flow
            for key, made in self.kept.lists.items()
        )

    def popped(self, key: str, items: Any) -> tuple[Any, Any]:
        """Return a list without its last item, and that item."""
        keeper = self.kept.keeper
        batch, width = keeper.static[1], keeper.widths[key]
        made = tf.raw_ops.TensorListPopBack(
            input_handle=items,
            element_shape=[-1 if batch is None else batch, width],
            element_dtype=keeper.dtype,
        )
        return made.output_handle, tf.ensure_shape(made.tensor, [batch, width])

    def read(self, place: Any, step: Any) -> tuple[dict[str, Any], Any]:
        lists = self.kept.lists
        if self.eager:
            return {key: made.read(step) for key, made in lists.items()}, ()
        pairs = {key: self.popped(key, items) for key, items in zip(lists, place, strict=True)}
        values = {key: value for key, (_, value) in pairs.items()}
        return values, tuple(items for items, _ in pairs.values())
