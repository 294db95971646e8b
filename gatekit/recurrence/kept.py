"""What the loop keeps of each step, for the outputs and for the backward loop.

Under XLA one row with everything side by side is best: it is written in place, and each further
array costs another copy in each step. In graph mode an array for each value is best: it takes the
tensors as they are, and copies none. The numbers are the same.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from .compiled import compiled
from .rows import side_by_side, split, unstack


class Keeper(abc.ABC):
    """Keeps values while the loop runs; its arrays are variables of the loop.

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
    """What was kept of all steps.

    Attributes:
        ahead: whether to read a step's values one step early may pay.
    """

    ahead: bool

    @abc.abstractmethod
    def sequence(self, key: str) -> Any:
        """Return a value of every step, ``time x batch x width``; of a state that after it."""

    @abc.abstractmethod
    def before(self, state: str) -> Any:
        """Return a state before every step, ``time x batch x width``."""

    @abc.abstractmethod
    def opened(self) -> Any:
        """Return what `read` reads from."""

    @abc.abstractmethod
    def read(self, opened: Any, step: Any) -> Any:
        """Return a step's values as they lie there."""

    @abc.abstractmethod
    def last(self) -> Any:
        """Return what `read` would for the last step; zeros where there is no step."""

    @abc.abstractmethod
    def values(self, found: Any) -> dict[str, Any]:
        """Return what `read` found, by key; of states those before the step."""


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

    def done(self, arrays: Any, last: Mapping[str, Any]) -> Kept:
        return KeptRows(self, arrays, last)


class KeptRows(Kept):
    """One row a step, ``time x batch x width``."""

    ahead = True

    def __init__(self, keeper: Rows, array: Any, last: Mapping[str, Any]) -> None:
        self.keeper, self.final = keeper, last
        shape = [*keeper.static, sum(keeper.widths.values())]
        self.rows = tf.ensure_shape(array.stack(), shape)

    def before(self, state: str) -> Any:
        widths = self.keeper.widths
        start = sum(widths[k] for k in list(widths)[: list(widths).index(state)])
        return self.rows[:, :, start : start + widths[state]]

    def sequence(self, key: str) -> Any:
        if key not in self.keeper.states:
            return self.before(key)
        sequence = tf.concat([self.before(key)[1:], self.final[key][None]], 0)
        # With no step there is no output, but the last state would add one.
        return sequence[: self.keeper.steps]

    def opened(self) -> Any:
        return unstack(self.rows, self.keeper.static)

    def read(self, opened: Any, step: Any) -> Any:
        return opened.read(step)

    def last(self) -> Any:
        return tf.reduce_sum(self.rows[-1:], 0)

    def values(self, found: Any) -> dict[str, Any]:
        return split(found, self.keeper.widths, self.keeper.widths)


class Lists(Keeper):
    """Keeps an array for each value; that of a state begins with the one before the first step."""

    def start(self, states: Mapping[str, Any]) -> Any:
        arrays = []
        for key, width in self.widths.items():
            more = 1 if key in self.states else 0
            array = tf.TensorArray(
                self.dtype,
                size=self.steps + more,
                element_shape=[self.static[1], width],
                clear_after_read=False,
            )
            arrays.append(array.write(0, states[key]) if more else array)
        return tuple(arrays)

    def write(self, arrays: Any, step: Any, before: Mapping[str, Any], now: Any) -> Any:
        return tuple(
            array.write(step + 1 if key in self.states else step, now[key])
            for key, array in zip(self.widths, arrays, strict=True)
        )

    def done(self, arrays: Any, last: Mapping[str, Any]) -> Kept:
        return KeptLists(self, dict(zip(self.widths, arrays, strict=True)))


class KeptLists(Kept):
    """An array of all steps for each value."""

    ahead = False

    def __init__(self, keeper: Lists, arrays: Mapping[str, Any]) -> None:
        self.keeper, self.arrays = keeper, arrays
        self.stacked: dict[str, Any] = {}

    def before(self, state: str) -> Any:
        stacked = self.stacked.get(state)
        stacked = self.arrays[state].stack() if stacked is None else stacked
        return self.shaped(stacked[:-1], state)

    def sequence(self, key: str) -> Any:
        # Who asks for a sequence has it stacked; the backward pass takes it from there.
        stacked = self.stacked[key] = self.arrays[key].stack()
        return self.shaped(stacked[1:] if key in self.keeper.states else stacked, key)

    def shaped(self, sequence: Any, key: str) -> Any:
        return tf.ensure_shape(sequence, [*self.keeper.static, self.keeper.widths[key]])

    def opened(self) -> Any:
        return self.arrays

    def read(self, opened: Any, step: Any) -> Any:
        return {key: array.read(step) for key, array in opened.items()}

    def last(self) -> Any:
        raise AssertionError("lists are not read ahead")

    def values(self, found: Any) -> dict[str, Any]:
        return dict(found)
