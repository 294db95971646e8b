"""Constant parts of expressions: executors compute them as numbers, so they must be finite."""

from __future__ import annotations

from collections.abc import Iterator

from gatekit.cell.errors import CellError
from gatekit.cell.language.expression import Binary, Call, Expr, Neg, Number, children, render

from .draft import Draft
from .widths import GateExpression, Widths

_LARGEST = 1e300


def check_constants(draft: Draft, widths: Widths) -> None:
    """Refuse expressions with a constant part that is not a finite real number.

    ``((9**16)**16)**16`` would take gigabytes as an integer, and ``1 / 0`` has no value.

    Raises:
        CellError: a part is not finite, or not real.
    """
    for where, expr in _expressions(draft, widths):
        _value(draft.with_constants(expr), where)


def _expressions(draft: Draft, widths: Widths) -> Iterator[tuple[str, Expr]]:
    for name, expr in draft.equations.items():
        yield f"cell.equations.{name}", expr
    for name, gate in draft.gates.items():
        for read in gate.reads:
            yield f"cell.gates.{name}.reads", read.expr
        made: GateExpression | None = widths.expressions[name]
        for expr in () if made is None else (made[0], *made[1].values()):
            yield f"cell.gates.{name}", expr
    for read in draft.output.reads:
        yield "output_unit.reads", read.expr


def _value(expr: Expr, where: str) -> float | None:
    """Return the value of a constant expression in floats; None where it is not constant."""
    if isinstance(expr, Number):
        return float(expr.value)
    inner = [_value(child, where) for child in children(expr)]
    if isinstance(expr, Call) or not inner or None in inner:
        return None
    try:
        found = _computed(expr, [value for value in inner if value is not None])
    except (OverflowError, ZeroDivisionError):
        found = float("nan")
    if isinstance(found, complex) or not abs(found) <= _LARGEST:
        raise CellError(
            f"{where}: the constant {render(expr, ' ')!r} is not a real number between "
            f"-{_LARGEST:g} and {_LARGEST:g}; write its value"
        )
    return found


def _computed(expr: Expr, values: list[float]) -> float | complex:
    if isinstance(expr, Neg):
        return -values[0]
    assert isinstance(expr, Binary)
    one, other = values
    if expr.op == "+":
        return one + other
    if expr.op == "-":
        return one - other
    if expr.op == "*":
        return one * other
    power: float | complex = one / other if expr.op == "/" else one**other
    return power
