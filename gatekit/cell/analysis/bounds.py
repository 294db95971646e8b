"""Bounds of a gate's values, as far as its expression determines them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, Neg, Number, children
from gatekit.cell.language.ops import Function, Interval
from gatekit.cell.program import Apply, Opaque, lower

_ALL: Interval = (-math.inf, math.inf)


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
                known[op.out] = _interval(op.expr, of_name, program.functions)
            except _UnknownError:
                known[op.out] = None if op.out in cell.gate_expressions else _ALL
        elif isinstance(op, Opaque):
            known[op.outs[0]] = None
    return known[gate]


def _interval(
    expr: Expr, of_name: Callable[[str], Interval], functions: Mapping[str, Function]
) -> Interval:
    if isinstance(expr, Number):
        return float(expr.value), float(expr.value)
    if isinstance(expr, Name):
        return of_name(expr.name)
    inner = [_interval(part, of_name, functions) for part in children(expr)]
    if isinstance(expr, Neg):
        return -inner[0][1], -inner[0][0]
    if isinstance(expr, Binary):
        return _binary(expr.op, *inner)
    assert isinstance(expr, Call)
    function = functions[expr.function]
    if function.range is not None:
        return function.range
    if function.facts.bounds is not None:
        return function.facts.bounds(*inner)
    if function.facts.moves:
        return inner[0]
    composed = function.of_places(expr.args)
    if composed is None:
        raise _UnknownError
    arguments = {f"argument {place}": interval for place, interval in enumerate(inner)}
    return _interval(composed, arguments.__getitem__, functions)


def _binary(op: str, left: Interval, right: Interval) -> Interval:
    if op == "+":
        return left[0] + right[0], left[1] + right[1]
    if op == "-":
        return left[0] - right[1], left[1] - right[0]
    if op == "*":
        # Zero times infinity is zero here: intervals are open, so their ends are never reached.
        ends = [0.0 if 0.0 in pair else math.prod(pair) for pair in itertools.product(left, right)]
        return min(ends), max(ends)
    if op == "/" and right[0] == right[1] and right[0]:
        ends = [left[0] / right[0], left[1] / right[0]]
        return min(ends), max(ends)
    raise _UnknownError
