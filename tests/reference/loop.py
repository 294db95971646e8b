"""The loop of the plain cells; their table is ``plain.py``.

A row has the paper, the equations as printed there, and the lines that the loop computes in order:
``gates`` read signals through weights of their own, ``let`` computes a signal from others. The last
signal is what the cell emits; a signal that is read as ``<name>_prev`` is a state.

A row is written from the paper, never from a cell's YAML. It uses the letters of the paper:
``gates(sigmoid, "x h_prev", i="input")`` is i = sigmoid(W x + U h_prev + b), with the weights
``input.x``, ``input.h_prev`` and ``input.bias``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .reads import Shapes

Function = Callable[..., Array]


class Gates(NamedTuple):
    """Gates of one kind: activation(sum of what they read + bias), each with its own weights."""

    activation: Function
    dense: list[str]
    per_unit: list[str]
    bias: bool
    width: Callable[[int], int]
    names: dict[str, str]

    @property
    def reads(self) -> list[str]:
        """What each of the gates reads."""
        return self.dense + self.per_unit


class Let(NamedTuple):
    """A signal that is computed from others, which are the arguments of its function."""

    function: Function
    reads: list[str]
    names: dict[str, str]


Lines = list[Gates | Let]


class Row(NamedTuple):
    """A cell of the table: its lines, its states, and what its letters are called in the layer."""

    source: str
    printed: str
    lines: Lines
    names: dict[str, str]
    own: Mapping[str, int | tuple[int, ...] | None]
    widths: Mapping[str, int]
    inputs: Mapping[str, int]
    states: Mapping[str, str] = {}

    def called(self, signal: str) -> str:
        """What the layer calls a signal, a past signal, or a product of signals."""
        if "*" in signal:
            return "*".join(map(self.called, signal.split("*")))
        now = signal.removesuffix("_prev")
        return self.names.get(now, now) + signal.removeprefix(now)

    def read_as_past(self) -> dict[str, str]:
        """The states, what is emitted first, with what the layer calls them."""
        read = {factor for line in self.lines for text in line.reads for factor in text.split("*")}
        defined = ["x", *(name for line in self.lines for name in line.names)]
        return {s: self.called(s) for s in reversed(defined) if f"{s}_prev" in read}

    def width(self, signal: str, features: int, units: int) -> int:
        """The width of a signal, or of the last factor of a product."""
        now = signal.rpartition("*")[2].removesuffix("_prev")
        widths = {"x": features, **self.inputs, **self.widths}
        for line in self.lines:
            if isinstance(line, Gates) and now in line.names:
                return line.width(units)
        return widths.get(now, units)


def gates(
    activation: Function,
    reads: str = "",
    per_unit: str = "",
    bias: bool = True,
    width: Callable[[int], int] = lambda units: units,
    **names: str,
) -> Lines:
    """Gates that read the same, by their letters.

    Args:
        activation: the function of the pre-activation.
        reads: what is read through a matrix; ``r*h_prev`` is a product.
        per_unit: what is read through one weight per unit.
        bias: whether each gate has a bias.
        width: the width of each gate, a function of the cell's units.
        names: the name of each gate in the layer, by its letter.
    """
    return [Gates(activation, reads.split(), per_unit.split(), bias, width, names)]


def let(**functions: Function) -> Lines:
    """Signals by name, each a function of the signals that its arguments name."""
    return [Let(f, [*inspect.signature(f).parameters], {n: n}) for n, f in functions.items()]


def shapes(row: Row, features: int, units: int) -> Shapes:
    """The shapes of the weights of a row by name."""
    found: Shapes = {}
    for parameter, width in row.own.items():
        shape = width if isinstance(width, tuple) else (units if width is None else width,)
        found[row.called(parameter)] = shape
    for line in row.lines:
        for gate in line.names.values() if isinstance(line, Gates) else ():
            width = line.width(units)
            for read in line.reads:
                dense = (row.width(read, features, units), width)
                found[f"{gate}.{row.called(read)}"] = dense if read in line.dense else (width,)
            if line.bias:
                found[f"{gate}.bias"] = (width,)
    return found


def step(row: Row, x: Array, states: States, w: Weights) -> Stepped:
    """One step: gates, state and output, in the order of the row's lines."""
    widths = [x.shape[-1] - sum(row.inputs.values()), *row.inputs.values()]
    columns = np.split(x, np.cumsum(widths)[:-1], axis=-1) if row.inputs else [x]
    at = dict(zip(("x", *row.inputs), columns, strict=True))
    at |= {f"{state}_prev": states[name] for state, name in row.states.items()}
    at |= {parameter: w[row.called(parameter)] for parameter in row.own}
    last = ""
    for line in row.lines:
        for last, gate in line.names.items():
            if isinstance(line, Let):
                at[last] = line.function(*(at[read] for read in line.reads))
                continue
            total = w[f"{gate}.bias"] if line.bias else np.zeros(1)
            for read in line.reads:
                value = prod(at[factor] for factor in read.split("*")) if "*" in read else at[read]
                weight = w[f"{gate}.{row.called(read)}"]
                total = total + (value @ weight if read in line.dense else value * weight)
            at[last] = line.activation(total)
    return at[last], {name: at[state] for state, name in row.states.items()}


def plain(
    source: str,
    printed: str,
    *lines: Lines,
    own: Mapping[str, int | tuple[int, ...] | None] = {},
    names: Mapping[str, str] = {},
    widths: Mapping[str, int] = {},
    inputs: Mapping[str, int] = {},
    **case: Any,
) -> Case:
    """A row of the table as a case.

    Args:
        source: the paper, with its DOI or arXiv number.
        printed: the equations as printed there.
        lines: what the loop computes, in order.
        own: the widths or shapes of parameters that are no gate's; None is the cell's width.
        names: what the layer calls a signal or a parameter that is no gate.
        widths: the widths of signals of ``let`` that are not as wide as the cell.
        inputs: the widths of further inputs, the last columns of ``x``.
        case: further fields of the case.
    """
    every = [line for several in lines for line in several]
    called = dict(names)
    for line in every:
        called |= {n: called.get(n, name) for n, name in line.names.items()}
    row = Row(source, printed, every, called, own, widths, inputs)
    row = row._replace(states=row.read_as_past())
    states, features = row.states, case.get("features", 2)
    return Case(
        partial(step, row),
        tuple(states.values()),
        partial(shapes, row),
        widths=lambda units: {n: row.width(s, features, units) for s, n in states.items()},
        inputs=inputs,
        **case,
    )
