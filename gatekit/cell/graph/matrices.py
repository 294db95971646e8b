"""Matrix-valued signals: matrices within an equation, vectors everywhere else.

Layers, masks and executors hold each signal as a vector. An equation that reads a matrix first
splits the vector into rows, and flattens its own result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gatekit.cell.errors import CellError
from gatekit.cell.language.expression import Call, Expr, Name, Number, names, substitute
from gatekit.cell.language.shape import Shape, shape_text

from .binding import Bindings
from .draft import Draft


def width_of(shape: Shape | None) -> int:
    """Return the number of elements of a signal; 1 for a plain number."""
    return math.prod(shape or ())


def on_vectors(expr: Expr, own: Shape, shapes: Mapping[str, Shape | None]) -> Expr:
    """Return an equation between vectors that computes an equation between matrices.

    Args:
        expr: the equation, with constants in their place.
        own: the shape of its value.
        shapes: the shapes of the names in it.
    """
    read = {name: _cut(name, shape) for name in names(expr) if (shape := shapes.get(name))}
    result = substitute(expr, read)
    for _ in own[1:]:
        result = Call("flat", (result,))
    return result


def _cut(name: str, shape: Shape) -> Expr:
    expr: Expr = Name(name)
    for rows in shape[:-1]:
        expr = Call("split", (expr, Number(rows)))
    return expr


def check_matrices(draft: Draft, bindings: Bindings, shapes: Mapping[str, Shape | None]) -> None:
    """Refuse matrices where only vectors can be.

    Raises:
        CellError: a gate, read, norm or the output unit would get a matrix.
    """

    def check(where: str, name: str) -> None:
        shape = shapes.get(name)
        if shape is not None and len(shape) > 1:
            raise CellError(
                f"{where}: {name!r} is a matrix, {shape_text(shape)}, and only equations take "
                f"matrices; make a vector of it in an equation of its own, such as flat({name}) or "
                f"matvec({name}, q), and name that here"
            )

    for gate, bound in bindings.gates.items():
        for _, key in bound:
            check(f"cell.gates.{gate}", key)
        for read in draft.reads(gate):
            for name in names(read.expr):
                check(f"cell.gates.{gate}.reads", name)
    for name, source in draft.norms.items():
        check(f"cell.norms.{name}", source)
    check("cell.emits", draft.spec.emits)
    for read in draft.output.reads:
        for name in names(draft.with_emitted(read.expr)):
            check("output_unit.reads", name)
    for _, key in bindings.output:
        check("output_unit", key.removesuffix("_history"))
