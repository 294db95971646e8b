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
    expr: Expr, shapes: Mapping[str, Shape | None], functions: Mapping[str, Function], where: str
) -> Shape | None:
    """Return the expression's shape without the batch axis; None where a shape is not yet known.

    Args:
        expr: the expression.
        shapes: the shape of each name: ``()`` for a plain number, ``(1,)`` for a scalar, ``(n,)``
            for a vector.
        functions: the function table.
        where: the place in the cell, for messages.

    Raises:
        CellError: widths do not fit; the message has both and the sub-expression.
    """
    if isinstance(expr, Number):
        return ()
    if isinstance(expr, Name):
        return shapes[expr.name]
    if isinstance(expr, Neg):
        return infer(expr.operand, shapes, functions, where)
    if isinstance(expr, Binary):
        left = infer(expr.left, shapes, functions, where)
        right = infer(expr.right, shapes, functions, where)
        return join(left, right, f"{where}: in {render(expr, ' ')!r}")
    assert isinstance(expr, Call)
    inner = [infer(arg, shapes, functions, where) for arg in expr.args]
    function = functions[expr.function]
    for position in function.static:
        _whole(expr.args[position], where, render(expr, " "))
    if function.kind == "elementwise" and function.compose is None:
        result: Shape | None = inner[0]
        for other in inner[1:]:
            result = join(result, other, f"{where}: in {render(expr, ' ')!r}")
        return result
    if any(shape is None for shape in inner):
        return None
    found = []
    widths = ", ".join(say(shape) for shape in inner)
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


def join(left: Shape | None, right: Shape | None, where: str) -> Shape | None:
    """Return the common shape of two operands: equal, or one of them scalar.

    Raises:
        CellError: neither holds.
    """
    if left is None or right is None:
        known = right if left is None else left
        return known if known not in ((), (1,)) else None
    for one, other in ((left, right), (right, left)):
        if one in ((), (1,)) and len(other) <= 1:
            return other if other else one
        if one == ():
            return other
    if left == right:
        return left
    raise CellError(
        f"{where} a width of {say(left)} meets a width of {say(right)}; widths must be equal, "
        "or one of them scalar"
    )


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
