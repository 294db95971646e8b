"""Shape inference: the shape of an expression, by one rule per function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import CellError, refused
from gatekit.faults import Place

from .expression import Binary, Call, Expr, Name, Neg, Number, render
from .ops import Function, MisfitError
from .ops import Shape as Shape

MAX_ELEMENTS = 2**31 - 1
"""The most elements that a signal, a part of an expression, or a weight may have."""
MAX_AXES = 8
MAX_TRIED = 1_000_000
"""The most elements in the arrays with which gatekit calls a plugin's function to find a shape."""
# With these two batch sizes, a row-wise function returns shapes that differ in the first axis only.
_ROWS = (2, 3)


def infer(
    expr: Expr,
    shapes: Mapping[str, Shape | None],
    functions: Mapping[str, Function],
    where: Place,
    narrow: bool = False,
) -> Shape | None:
    """Return the expression's shape without the batch axis; None where a shape is not yet known.

    Args:
        expr: the expression.
        shapes: the shape of each name: ``()`` for a plain number, ``(1,)`` for a scalar, ``(n,)``
            for a vector, ``(n, m)`` for a matrix, ``(heads, n, m)`` for a matrix per head.
        functions: the function table.
        where: the place in the cell, for messages.
        narrow: whether to assume that an unknown operand is not wider than the other one. If
            false, the shape stays unknown if the known operand has an axis of size 1.

    Raises:
        CellError: widths do not fit, or are too large; the message shows the widths and the
            sub-expression.
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
        try:
            return _bounded(join(left, right, narrow))
        except MisfitError as why:
            raise refused(where, f"in {render(expr, ' ')!r} {why}") from None
    assert isinstance(expr, Call)
    inner = [infer(arg, shapes, functions, where, narrow) for arg in expr.args]
    function = functions[expr.function]
    for position in function.static:
        _whole(expr.args[position], where, expr)
    try:
        if function.kind == "elementwise" and function.compose is None:
            result: Shape | None = inner[0]
            for other in inner[1:]:
                result = join(result, other, narrow)
            return _bounded(result)
        known = [shape for shape in inner if shape is not None]
        if len(known) < len(inner):
            return None
    except MisfitError as why:
        raise refused(where, f"in {render(expr, ' ')!r} {why}") from None
    if function.compose is not None:
        return _composed(expr, function, known, functions, where)
    try:
        return _bounded(_by_rule(expr, function, known))
    except MisfitError as why:
        raise _refused(expr, function, known, where, str(why)) from None


def join(left: Shape | None, right: Shape | None, narrow: bool = False) -> Shape | None:
    """Return the common shape of two operands.

    They need the same number of axes, and sizes that are equal or 1. A plain number fits any shape.

    Raises:
        CellError: the shapes do not fit; the caller puts the place before the message.
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
    raise MisfitError(f"a width of {shape_text(left)} meets a width of {shape_text(right)}")


def shape_text(shape: Shape | None) -> str:
    """Return a shape for messages, such as ``4 x 8``."""
    if shape is None:
        return "unknown"
    return " x ".join(str(n) for n in shape) if shape else "a plain number"


def _bounded(shape: Shape | None) -> Shape | None:
    if shape is not None and (len(shape) > MAX_AXES or math.prod(shape) > MAX_ELEMENTS):
        raise MisfitError(
            f"the result would be {shape_text(shape)}; at most {MAX_AXES} axes and "
            f"{MAX_ELEMENTS:,} elements are allowed"
        )
    return shape


def _by_rule(expr: Call, function: Function, inner: Sequence[Shape]) -> Shape:
    facts = function.facts
    if facts.shape is None:
        raise MisfitError("its shape is unknown")
    last = expr.args[-1]
    count = last.value if isinstance(last, Number) and isinstance(last.value, int) else 1
    # A plain number is as wide as a scalar.
    one, *rest = [shape or (1,) for shape in inner]
    result = facts.shape(one, rest[0] if rest else (), count)
    numbers = [k for k, shape in enumerate(inner) if shape == () and k not in function.static]
    if numbers:
        number = render(expr.args[numbers[0]], " ")
        raise MisfitError(f"the number {number} has no units")
    return result


def _composed(
    expr: Call,
    function: Function,
    inner: Sequence[Shape],
    functions: Mapping[str, Function],
    where: Place,
) -> Shape:
    """Return the shape of a plugin's function: inferred if possible, otherwise found by a call."""
    composed = function.of_places(expr.args)
    if composed is not None:
        shapes = {f"argument {k}": shape for k, shape in enumerate(inner)}
        try:
            result = infer(composed, shapes, functions, Place())
        except CellError as error:
            raise _refused(expr, function, inner, where, str(error)) from None
        assert result is not None
        return result or (1,)
    return _tried(expr, function, inner, where)


def _tried(expr: Call, function: Function, inner: Sequence[Shape], where: Place) -> Shape:
    """Return the shape of the function's result for arrays of ones."""
    elements = sum(math.prod(shape) for shape in inner)
    if elements > MAX_TRIED:
        why = f"its arguments have {elements:,} elements; at most {MAX_TRIED:,} are allowed"
        raise _refused(expr, function, inner, where, why)
    results = []
    for rows in _ROWS:
        values = [
            arg.value
            if isinstance(arg, Number) and position in function.static
            else _ones(rows, shape)
            for position, (arg, shape) in enumerate(zip(expr.args, inner, strict=True))
        ]
        try:
            with np.errstate(all="ignore"):
                results.append(np.shape(function(*values)))
        except Exception as error:
            raise _refused(expr, function, inner, where, str(error)) from None
    one, other = results
    if (one[:1], other[:1]) != ((_ROWS[0],), (_ROWS[1],)) or one[1:] != other[1:]:
        why = "it mixes the rows of a batch"
        raise _refused(expr, function, inner, where, why)
    return tuple(one[1:])


def _refused(
    expr: Call, function: Function, inner: Sequence[Shape], where: Place, why: str
) -> CellError:
    widths = ", ".join(shape_text(s) for k, s in enumerate(inner) if k not in function.static)
    return refused(where, f"{render(expr, ' ')!r} cannot be computed with widths {widths}: {why}")


def _ones(rows: int, shape: Shape) -> NDArray[Any]:
    return np.ones((rows, *(shape or (1,))))


def _whole(expr: Expr, where: Place, call: Call) -> None:
    if not isinstance(expr, Number) or not isinstance(expr.value, int) or expr.value < 1:
        raise refused(
            where,
            f"in {render(call, ' ')!r} the count must be a whole number from 1 or a "
            f"constant, not {expr}",
        )
