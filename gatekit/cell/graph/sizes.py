"""Arithmetic on sizes; `draft.Sizes` finds what its names mean."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import ExpressionError
from gatekit.cell.language.expression import OPERATORS, Binary, Expr, Name, Neg, Number
from gatekit.cell.language.parse import parse
from gatekit.cell.row_wise import RowWise

MAX_CHARACTERS = 200
# Beyond this, integers are not exact as floats; no size comes close.
_LARGEST = 2.0**53


def whole_options(declared: RowWise) -> dict[str, int]:
    """Return the options of a gate or output unit that are whole numbers, by name."""
    values = {n: getattr(declared, n, None) for n in declared.option_names() if n != "units"}
    return {name: value for name, value in values.items() if type(value) is int}


def parsed_size(value: object) -> Expr:
    """Return a size as an expression.

    Raises:
        ExpressionError: it is too long, or not arithmetic.
    """
    text = str(value) if isinstance(value, (int, float)) else value
    if isinstance(text, str) and len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"a size has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        )
    return _read(text) if isinstance(text, str) else parse(value, {}, sizes=True)


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> Expr:
    return parse(text, {}, sizes=True)


def arithmetic(expr: Expr, env: Mapping[str, int | float]) -> int | float:
    """Return the value of arithmetic on sizes.

    Raises:
        OverflowError: an intermediate result is too large, or is not real.
        ZeroDivisionError: the arithmetic divides by zero.
    """
    if isinstance(expr, Number):
        return _small(expr.value)
    if isinstance(expr, Name):
        return _small(env[expr.name])
    if isinstance(expr, Neg):
        return -arithmetic(expr.operand, env)
    assert isinstance(expr, Binary)
    left, right = arithmetic(expr.left, env), arithmetic(expr.right, env)
    if expr.op == "**":
        # Try the power in floats first: as an integer it may have any number of digits.
        _small(float(left) ** right)
    return _small(OPERATORS[expr.op](left, right))


def _small(value: Any) -> int | float:
    if isinstance(value, complex) or not abs(value) <= _LARGEST:
        raise OverflowError
    number: int | float = value
    return number
