"""Bounds of a gate's values, as far as its expression determines them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number
from gatekit.cell.language.ops import FUNCTIONS, Interval
from gatekit.cell.program import Apply, Opaque, lower

_ALL: Interval = (-math.inf, math.inf)
_SAME = ("stop", "mean", "repeat", "split", "flat", "column", "row", "transpose")


class _UnknownError(Exception):
    """The expression does not determine bounds."""


def bounds(cell: Cell, gate: str) -> Interval | None:
    """Return an interval that contains a gate's values, by interval arithmetic.

    ``sigmoid(pre)`` is in (0, 1), ``1 - forget`` is in (0, 1) if ``forget`` is, and ``pre`` is
    unbounded.

    Args:
        cell: the built cell.
        gate: one of its gates.

    Returns:
        The lower and the upper bound, which may be infinite; None if the gate cannot be written as
        an expression, or if its expression does not determine bounds.
    """
    program = lower(cell)
    known: dict[str, Interval | None] = {n: (float(v),) * 2 for n, v in program.constants.items()}

    def of_name(name: str) -> Interval:
        interval = known.get(name, _ALL)
        if interval is None:
            raise _UnknownError
        return interval

    for op in (*program.setup, *program.step):
        if isinstance(op, Apply):
            try:
                known[op.out] = _interval(op.expr, of_name)
            except _UnknownError:
                known[op.out] = None if op.out in cell.gate_expressions else _ALL
        elif isinstance(op, Opaque):
            known[op.outs[0]] = None
    return known[gate]


def _interval(expr: Expr, of_name: Callable[[str], Interval]) -> Interval:
    if isinstance(expr, Number):
        return float(expr.value), float(expr.value)
    if isinstance(expr, Name):
        return of_name(expr.name)
    if isinstance(expr, Neg):
        low, high = _interval(expr.operand, of_name)
        return -high, -low
    if isinstance(expr, Binary):
        return _binary(expr, of_name)
    assert isinstance(expr, Call)
    function = FUNCTIONS.get(expr.function)
    if function is not None and function.range is not None:
        return function.range
    first = _interval(expr.args[0], of_name)
    if expr.function in _SAME:
        return first
    rest = [_interval(arg, of_name) for arg in expr.args[1:]]
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


def _binary(expr: Binary, of_name: Callable[[str], Interval]) -> Interval:
    left, right = _interval(expr.left, of_name), _interval(expr.right, of_name)
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
