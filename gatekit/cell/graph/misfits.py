"""Widths that do not fit: where each is declared, and what to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from gatekit.cell.errors import CellError, refused
from gatekit.cell.language.expression import (
    Binary,
    Call,
    Expr,
    Name,
    children,
    names,
    render,
    substitute,
    walk,
)
from gatekit.cell.language.shape import Shape, WidthError, shape_text
from gatekit.cell.schema import CELL
from gatekit.faults import Place

from .draft import Draft

Why = tuple[str | Place, ...]
Cause = tuple[Why, str]
"""Where a width is declared, and what to write there."""


def explain(
    draft: Draft, error: WidthError, shapes: Mapping[str, Shape | None], in_gate: bool = False
) -> Why:
    """Return why two widths do not fit, with the places that declare them.

    Args:
        draft: the cell.
        error: the error that `infer` raised.
        shapes: the known shapes.
        in_gate: whether they meet in a gate, which can have a projection.
    """
    plain, general = error.plain, error.remedy
    sides = [(expr, shape) for expr, shape in error.sides if shape not in (None, (), (1,))]
    if any(len(shape or ()) > 1 for _, shape in sides):
        how = _matrix_state(draft, sides) or _vector_and_matrix(sides) or general
        return (f"{plain}; {how}",)
    by_place: dict[Why, Cause] = {}
    for expr, shape in sides:
        width = math.prod(shape or ())
        if width != draft.units:
            cause = next(_causes(draft, expr, width, shapes, set(), in_gate), None)
            if cause is not None:
                by_place.setdefault(cause[0], cause)
    causes = list(by_place.values())
    if not causes:
        return (f"{plain}; {general}",)
    (one, remedy), *others = causes
    if not others:
        return (f"{plain}; ", *one, f": {remedy}{_as_wide_as_x(draft, sides)}")
    other, second = others[0]
    equal = f": make them equal, {remedy} or {second}"
    return (f"{plain}; ", *one, " and ", *other, equal)


def reason(error: CellError) -> Why:
    """Return why an expression is refused, without its place."""
    why = error.fault.why if error.fault is not None else str(error)
    return (why,) if isinstance(why, str) else why


def _as_wide_as_x(draft: Draft, sides: Sequence[tuple[Expr, Shape | None]]) -> str:
    """Return that a gate's state may be as wide as x, if the two meet; otherwise nothing."""
    met = [name.removesuffix("_prev") for expr, _ in sides for name in names(expr)]
    for key in (name for name in met if name in draft.own_states and "x" in met):
        owner = draft.own_states[key]
        state = key.removeprefix(f"{owner}.")
        if draft.gates[owner].gate.own_states()[state].width == "units":
            return f"; or give the state {state!r} the width 'features'"
    return ""


def _causes(
    draft: Draft,
    expr: Expr,
    width: int,
    shapes: Mapping[str, Shape | None],
    seen: set[str],
    in_gate: bool,
) -> Iterator[Cause]:
    """Yield the declarations that set the width of an expression, visiting each name once."""
    if isinstance(expr, Call) and expr.function == "repeat":
        inner = render(expr.args[0], " ")
        yield (f"{render(expr, ' ')} is {width} wide",), f"write {inner} in its place"
    for name in names(expr):
        stem = name.removesuffix("_prev")
        shape = shapes.get(stem) or shapes.get(name)
        if stem in seen or shape is None or math.prod(shape) != width:
            continue
        seen.add(stem)
        if stem in draft.gates:
            key = "width" if draft.is_projection(stem) else "units"
            declared = f"{key}: {draft.gates[stem].gate.units}"
            yield (draft.place(stem), f" has {declared}"), f"remove `{declared}`"
        elif stem in draft.own_states:
            owner = draft.own_states[stem]
            state = stem.removeprefix(f"{owner}.")
            wide = draft.gates[owner].gate.own_states()[state].width
            yield (f"the state {state!r} has width {wide!r}",), "change its width"
        elif stem in draft.parameters:
            size = draft.parameters[stem].shape
            where = CELL / "parameters" / stem
            yield (where, f" has shape: {size}"), "write `shape: units`"
        elif stem in draft.inputs:
            what: Why = ("x has the width of the data (features)",)
            if stem != "x":
                what = (CELL / "inputs" / stem, f" is {width} wide")
            how = f"a gate, {stem}_in: {{kind: linear, reads: [{stem}]}}"
            if in_gate:
                how = f"a projection, projections: {{{stem}_in: {{reads: [{stem}]}}}}"
            remedy = f"map it to `units` numbers with {how}, and write {stem}_in in place of {stem}"
            yield what, remedy
        elif stem in draft.equations:
            yield from _causes(draft, draft.equations[stem], width, shapes, seen, in_gate)
        elif stem in draft.norms:
            yield from _causes(draft, Name(draft.norms[stem]), width, shapes, seen, in_gate)
    for child in children(expr):
        if isinstance(child, Call):
            yield from _causes(draft, child, width, shapes, seen, in_gate)


def _matrix_state(draft: Draft, sides: Sequence[tuple[Expr, Shape | None]]) -> str:
    """Return what to write in place of ``a * S_prev`` for a state that is to be a matrix."""
    for vector, shape in sides:
        if not isinstance(vector, Binary) or vector.op != "*" or len(shape or ()) != 1:
            continue
        for previous, other in ((vector.left, vector.right), (vector.right, vector.left)):
            state = previous.name.removesuffix("_prev") if isinstance(previous, Name) else ""
            equation = draft.equations.get(state)
            if equation is not None and vector in walk(equation) and state != str(previous):
                return f"write column({render(other, ' ')}) * {previous}, as {state} is a matrix"
    return ""


def _vector_and_matrix(sides: Sequence[tuple[Expr, Shape | None]]) -> str:
    """Return how to combine a vector and a matrix, if a function makes them fit."""
    vectors = [(expr, shape) for expr, shape in sides if shape is not None and len(shape) == 1]
    matrices = [(expr, shape) for expr, shape in sides if shape is not None and len(shape) == 2]
    if len(vectors) != 1 or len(matrices) != 1:
        return ""
    (vector, (wide,)), (matrix, (rows, columns)) = vectors[0], matrices[0]
    v, m = render(vector, " "), render(matrix, " ")
    ways = [f"column({v}) repeats it over the columns"] if wide == rows else []
    ways += [f"row({v}) repeats it over the rows"] if wide == columns else []
    ways += [f"flat({m}) turns the matrix into a vector"] if wide == rows * columns else []
    ways += [f"matvec({m}, {v}) multiplies the two"] if wide == columns else []
    if not ways:
        return ""
    return f"{v} is a vector and {m} a matrix, {shape_text((rows, columns))}: " + ", ".join(ways)


def emitted_matrix(draft: Draft, name: str, shape: Shape) -> CellError:
    """Return the error of an emitted equation that is a matrix; a cell emits a vector.

    Args:
        draft: the cell.
        name: the equation, which the cell emits.
        shape: its shape.
    """
    equation = draft.equations[name]
    state = "S" if "S" not in draft.known else "S_1"
    inner = substitute(equation, {name: Name(state), f"{name}_prev": Name(f"{state}_prev")})
    fits = [gate for gate in draft.gates if draft.gate_sizes.get(gate) == shape[-1]]
    vector = f"matvec({state}, {fits[0]})" if len(shape) == 2 and fits else f"flat({state})"
    return refused(
        CELL / "equations" / name,
        f"{render(equation, ' ')!r} is a matrix, {shape_text(shape)}, and "
        f"{name}, which the cell emits, must be a vector; call the matrix {state} and turn it into "
        f"a vector: write {state}: {render(inner, ' ')}, and {name}: {vector}",
    )
