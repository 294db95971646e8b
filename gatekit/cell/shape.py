"""Widths: what shape an expression has, found by computing it on tiny NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import CellError
from .expression import Binary, Call, Expr, Name, Neg, Number, render
from .ops import Function

Shape = tuple[int, ...]
# Two sizes of a batch: what mixes its rows has a shape that changes with their number.
_ROWS = (2, 3)


def infer(
    expr: Expr,
    shapes: Mapping[str, Shape | None],
    functions: Mapping[str, Function],
    where: str,
    narrow: bool = False,
) -> Shape | None:
    """Return the expression's shape without the batch axis; None where a shape is not yet known.

    Args:
        expr: the expression.
        shapes: the shape of each name: ``()`` for a plain number, ``(1,)`` for a scalar, ``(n,)``
            for a vector, ``(n, m)`` for a matrix, ``(heads, n, m)`` for one in each head.
        functions: the function table.
        where: the place in the cell, for messages.
        narrow: whether what is not yet known is as narrow as what it meets. Otherwise an axis of
            size 1 decides nothing, because it may meet a wider one.

    Raises:
        CellError: widths do not fit; the message has both and the sub-expression.
    """
    if isinstance(expr, Number):
        return ()
    if isinstance(expr, Name):
        return shapes[expr.name]
    if isinstance(expr, Neg):
        return infer(expr.operand, shapes, functions, where, narrow)
    if isinstance(expr, Binary):
        left = infer(expr.left, shapes, functions, where, narrow)
        right = infer(expr.right, shapes, functions, where, narrow)
        return join(left, right, f"{where}: in {render(expr, ' ')!r}", narrow)
    assert isinstance(expr, Call)
    inner = [infer(arg, shapes, functions, where, narrow) for arg in expr.args]
    function = functions[expr.function]
    for position in function.static:
        _whole(expr.args[position], where, render(expr, " "))
    if function.kind == "elementwise" and function.compose is None:
        result: Shape | None = inner[0]
        for other in inner[1:]:
            result = join(result, other, f"{where}: in {render(expr, ' ')!r}", narrow)
        return result
    if any(shape is None for shape in inner):
        return None
    found = []
    widths = ", ".join(say(s) for k, s in enumerate(inner) if k not in function.static)
    for rows in _ROWS:
        values = [
            arg.value
            if isinstance(arg, Number) and position in function.static
            else _ones(rows, shape)
            for position, (arg, shape) in enumerate(zip(expr.args, inner, strict=True))
        ]
        try:
            with np.errstate(all="ignore"):
                found.append(np.shape(function(*values)))
        except Exception as error:
            raise CellError(
                f"{where}: {render(expr, ' ')!r} cannot be computed with widths {widths}: {error}"
            ) from None
    one, other = found
    if (one[:1], other[:1]) != ((_ROWS[0],), (_ROWS[1],)) or one[1:] != other[1:]:
        raise CellError(
            f"{where}: {render(expr, ' ')!r} cannot be computed row by row with widths {widths}; "
            f"{expr.function} is for: {function.summary or 'other widths'}"
        )
    return tuple(one[1:])


def join(left: Shape | None, right: Shape | None, where: str, narrow: bool = False) -> Shape | None:
    """Return the common shape of two operands: as many axes, each equal or one of them 1.

    A plain number goes with any shape.

    Raises:
        CellError: they have none.
    """
    if left is None or right is None:
        known = right if left is None else left
        decided = known is not None and (narrow or (known != () and 1 not in known))
        return known if decided else None
    if left == () or right == ():
        return left or right
    if len(left) == len(right) and all(
        a == b or 1 in (a, b) for a, b in zip(left, right, strict=True)
    ):
        return tuple(max(pair) for pair in zip(left, right, strict=True))
    remedy = "widths must be equal, or one of them scalar"
    if len(left) != len(right):
        remedy = (
            "column(v) repeats a vector over the columns of a matrix, row(v) over its rows, and "
            "split(v, n) cuts it into n rows"
        )
    raise CellError(f"{where} a width of {say(left)} meets a width of {say(right)}; {remedy}")


def say(shape: Shape | None) -> str:
    """Return the shape in words."""
    if shape is None:
        return "unknown"
    return " x ".join(str(n) for n in shape) if shape else "a plain number"


def _ones(rows: int, shape: Shape | None) -> NDArray[Any]:
    assert shape is not None
    return np.ones((rows, *(shape or (1,))))


def _whole(expr: Expr, where: str, text: str) -> None:
    if not isinstance(expr, Number) or not isinstance(expr.value, int) or expr.value < 1:
        raise CellError(
            f"{where}: in {text!r} the count must be a whole number from 1 or a constant, "
            f"not {expr}"
        )
