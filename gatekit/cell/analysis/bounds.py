"""Bounds of a gate's values, as far as its expression determines them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number
from gatekit.cell.language.ops import FUNCTIONS, Interval
from gatekit.cell.learned import MAPS

_ALL: Interval = (-math.inf, math.inf)
_SAME = ("mean", "repeat", "split", "flat", "column", "row", "transpose")


class _UnknownError(Exception):
    """The expression does not determine bounds."""


def bounds(cell: Cell, gate: str) -> Interval | None:
    """Return an interval that contains a gate's values, by interval arithmetic.

    ``sigmoid(pre)`` is in (0, 1), ``1 - forget`` is if ``forget`` is, and ``pre`` is anywhere.

    Args:
        cell: the built cell.
        gate: one of its gates.

    Returns:
        The lower and the upper bound, which may be infinite; None if the gate cannot be written as
        an expression, or if its expression does not determine bounds.
    """
    found: dict[str, Interval | None] = {}

    def named(name: str) -> Interval:
        if name in cell.constants:
            value = float(cell.constants[name])
            return value, value
        if name in cell.parameters:
            kind = cell.parameters[name].map
            return (MAPS[kind].function.range if kind else None) or _ALL
        if name in cell.gate_expressions:
            interval = found.get(name)
            if interval is None:
                raise _UnknownError
            return interval
        return _ALL

    for node in cell.nodes:
        if node.name in cell.gate_expressions:
            expression = cell.gate_expressions[node.name]
            try:
                found[node.name] = None if expression is None else _interval(expression[0], named)
            except _UnknownError:
                found[node.name] = None
        if node.name == gate:
            break
    return found[gate]


def _interval(expr: Expr, named: Callable[[str], Interval]) -> Interval:
    if isinstance(expr, Number):
        return float(expr.value), float(expr.value)
    if isinstance(expr, Name):
        return named(expr.name)
    if isinstance(expr, Neg):
        low, high = _interval(expr.operand, named)
        return -high, -low
    if isinstance(expr, Binary):
        return _binary(expr, named)
    assert isinstance(expr, Call)
    function = FUNCTIONS.get(expr.function)
    if function is not None and function.range is not None:
        return function.range
    first = _interval(expr.args[0], named)
    if expr.function in _SAME:
        return first
    rest = [_interval(arg, named) for arg in expr.args[1:]]
    if expr.function == "minimum":
        return _ends(min, first, rest[0])
    if expr.function == "maximum":
        return _ends(max, first, rest[0])
    if expr.function == "clip":
        return _ends(min, _ends(max, first, rest[0]), rest[1])
    if expr.function == "where":
        return min(end[0] for end in rest), max(end[1] for end in rest)
    raise _UnknownError


def _ends(chosen: Callable[[float, float], float], one: Interval, other: Interval) -> Interval:
    return chosen(one[0], other[0]), chosen(one[1], other[1])


def _binary(expr: Binary, named: Callable[[str], Interval]) -> Interval:
    left, right = _interval(expr.left, named), _interval(expr.right, named)
    if expr.op == "+":
        return left[0] + right[0], left[1] + right[1]
    if expr.op == "-":
        return left[0] - right[1], left[1] - right[0]
    if expr.op == "*":
        # Zero times infinity is zero here: intervals are open, so their ends are never reached.
        ends = [0.0 if 0.0 in pair else math.prod(pair) for pair in itertools.product(left, right)]
        return min(ends), max(ends)
    if expr.op == "/" and right[0] == right[1] and right[0]:
        ends = [left[0] / right[0], left[1] / right[0]]
        return min(ends), max(ends)
    raise _UnknownError
