"""The number of elements that the equations of a cell compute in one step."""

from __future__ import annotations

import math

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call, Expr, Name, walk
from gatekit.cell.language.shape import Shape, infer

# Computed by XLA as a window over the whole width for each element.
_WINDOWS = ("cumsum", "cumax")


def step_cost(cell: Cell) -> int:
    """Return the number of elements of all parts of equations, gates and reads in one step.

    A running sum counts with the square of its width.

    Args:
        cell: the built cell.
    """
    known: dict[str, Shape | None] = {"t": (1,), **dict.fromkeys(cell.constants, ())}
    for name, shape in cell.shapes.items():
        known[name] = known[f"{name}_prev"] = shape
    known.update({weight.name: weight.shape for weight in cell.weights})
    total = 0
    for name, expr in _expressions(cell):
        shapes = {**known, "pre": (cell.widths.get(name, cell.output.width),)}
        total += sum(_elements(cell, part, shapes) for part in walk(expr))
    return total


def _expressions(cell: Cell) -> list[tuple[str, Expr]]:
    found: list[tuple[str, Expr]] = []
    for node in cell.nodes:
        if node.kind == "equation":
            found.append((node.name, cell.constant_free(cell.equation(node.name))))
        made = cell.gate_expressions.get(node.name)
        for expr in () if made is None else (made[0], *made[1].values()):
            found.append((node.name, cell.constant_free(expr)))
        found += [(node.name, cell.constant_free(read.expr)) for read in node.reads]
    return found


def _elements(cell: Cell, part: Expr, shapes: dict[str, Shape | None]) -> int:
    if isinstance(part, Name):
        return 0
    shape = infer(part, shapes, cell.spec.functions, "cell") or (1,)
    window = shape[-1] if isinstance(part, Call) and part.function in _WINDOWS else 1
    return math.prod(shape) * window
