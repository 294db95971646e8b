"""The width of every signal, found from sizes and by inference through equations.

Matrix-valued signals are matrices within an equation and vectors everywhere else. Executors compute
the constant parts of expressions as plain numbers, so those numbers must not be too large.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.cell.errors import CellError, listed, refused
from gatekit.cell.language.expression import (
    OPERATORS,
    Binary,
    Call,
    Expr,
    Name,
    Number,
    children,
    lift,
    names,
    render,
    walk,
)
from gatekit.cell.language.shape import Shape, infer, shape_text
from gatekit.cell.schema import CELL, OUTPUT, OUTPUT_UNIT
from gatekit.faults import Place

from .cell import GateExpression
from .draft import FEEDBACK, Bindings, Bound, Draft

MAX_VISITS = 60_000
"""The most parts of expressions that the search for widths visits; the largest bundled cell
needs 1,000."""


@dataclass(frozen=True)
class Widths:
    """The widths of a cell's parts.

    Attributes:
        of: the widths of inputs, signals, and states that gates declare, by name; the width of a
            matrix is its number of elements.
        shapes: the shape of every name that expressions may contain.
        expressions: each gate's value and new states as expressions over keys, or None if a gate
            cannot be written as an expression.
    """

    of: Mapping[str, int]
    shapes: Mapping[str, Shape | None]
    expressions: Mapping[str, GateExpression | None]


def find_widths(draft: Draft, bindings: Bindings, order: Sequence[str]) -> Widths:
    """Return the widths of all parts.

    Raises:
        CellError: a width cannot be found, or widths do not fit.
    """
    shapes: dict[str, Shape | None] = dict.fromkeys(draft.signals)
    shapes.update({name: (width,) for name, width in draft.inputs.items()})
    shapes.update({name: (draft.sizes.of_gate(name),) for name in draft.gates})
    for name, parameter in draft.parameters.items():
        shapes[name] = (draft.sizes.find(parameter.shape, CELL / "parameters" / name / "shape"),)
    shapes.update(dict.fromkeys(draft.constants, ()))
    shapes["t"] = (1,)
    expressions = {name: _expression(draft, name, bindings[name]) for name in draft.gates}
    equations = {
        name: (expr, names(expr), sum(1 for _ in walk(expr)))
        for name, equation in draft.equations.items()
        for expr in [draft.with_constants(equation)]
    }
    visits = 0
    seen: dict[str, Any] = {}
    known = _with_previous(draft, shapes)
    # Widths also flow through previous values, so one pass in order may not find all of them.
    # A width that is still unknown after the first loop depends on nothing wider than 1.
    for narrow in (False, True):
        for _ in range(len(draft.signals) + 1):
            before = dict(shapes)
            for name in order:
                if name in equations:
                    expr, read, parts = equations[name]
                    inner = [known[key] for key in read]
                    operands = inner, narrow and None in inner
                    if seen.get(name) == operands:
                        continue
                    seen[name] = operands
                    visits += parts
                    where = CELL / "equations" / name
                    found = infer(expr, known, draft.spec.functions, where, narrow)
                    shapes[name] = (1,) if found == () else found
                elif name in draft.norms:
                    shapes[name] = shapes[draft.norms[name]]
                elif name == FEEDBACK:
                    shapes[name] = (draft.sizes.of_gate(OUTPUT_UNIT),)
                known[name] = known[f"{name}_prev"] = shapes[name]
            if shapes == before:
                break
            if visits > MAX_VISITS:
                raise CellError(
                    f"cell {draft.spec.name!r}: its widths cannot be found in {MAX_VISITS:,} steps"
                )
    complete = _with_previous(draft, shapes)
    check_matrices(draft, bindings, complete)
    for name in draft.signals:
        shape = shapes[name]
        if shape is None:
            raise refused(
                CELL / "equations" / name,
                f"its width cannot be found from {draft.equations.get(name)}",
            )
        expression = expressions.get(name)
        if expression is not None:
            _check_gate(draft, name, shape, expression, complete)
    _check_output(draft, bindings[FEEDBACK], complete)
    of = {name: width_of(shapes[name]) for name in [*draft.inputs, *draft.signals]}
    of.update({key: draft.sizes.of_state(key) for key in draft.own_states})
    of.update({key: width_of(complete[key]) for key in draft.noises})
    return Widths(of, complete, expressions)


def _with_previous(draft: Draft, shapes: Mapping[str, Shape | None]) -> dict[str, Shape | None]:
    previous = {f"{name}_prev": shapes[name] for name in [*draft.signals, *draft.inputs]}
    own = {f"{key}_prev": (draft.sizes.of_state(key),) for key in draft.own_states}
    own |= {key: (draft.sizes.of_gate(key.partition(".")[0]),) for key in draft.noises}
    for key, owner in draft.own_parameters.items():
        part = key.removeprefix(f"{owner}.")
        shape, where = draft.declared(owner).parameters[part].shape, draft.place(owner)
        own[key] = (draft.sizes.find(shape, where / "parameters" / part, owner),)
    return {**shapes, **previous, **own}


def _expression(draft: Draft, name: str, bound: Bound) -> GateExpression | None:
    gate, where = draft.gates[name].gate, CELL / "gates" / name
    if gate.uses_tensorflow:
        # Without an expression, the gate is shown by its docstring and never solved by a scan.
        return None
    values: dict[str, Any] = {}
    for argument, key in bound:
        constant = draft.constants.get(key)
        plain = Name("pre" if key == f"pre:{name}" else key)
        values[argument] = Number(constant) if constant is not None else plain
    try:
        result = gate.compute(values)
    except Exception as error:
        raise refused(where, gate.wrong(error)) from None
    try:
        value, new_states = result if isinstance(result, tuple) else (result, {})
        value, new_states = lift(value), {k: lift(v) for k, v in new_states.items()}
    except (TypeError, ValueError, AttributeError):
        expected = "a value, or (value, {name: new state}), is expected"
        given = f"{gate.method} returns {type(result).__name__}"
        raise refused(where, f"{gate.returned()}: {given}; {expected}") from None
    if set(new_states) != set(gate.states):
        raise refused(
            where,
            f"{gate.returned()}: {gate.method} returns the states {listed(new_states)}, "
            f"but declares {listed(gate.states)}",
        )
    return value, new_states


def _check_gate(
    draft: Draft,
    name: str,
    gate_shape: Shape,
    expressions: GateExpression,
    shapes: Mapping[str, Shape | None],
) -> None:
    where, gate = CELL / "gates" / name, draft.gates[name].gate
    known = {**shapes, "pre": gate_shape}
    value, new_states = expressions
    for state, expr in [("", value), *new_states.items()]:
        what = f"state {state}" if state else "value"
        expected = (known[f"{name}.{state}_prev"] or ()) if state else gate_shape
        try:
            shape = infer(draft.with_constants(expr), known, draft.spec.functions, where)
        except CellError as error:
            raise refused(where, f"{gate.place()}: {_reason(error)}") from None
        if shape is not None and shape != expected and state:
            raise refused(
                where,
                f"{gate.place()}: its state {state} has a width of {shape_text(shape)}, "
                f"and is declared with {shape_text(expected)}",
            )
        if shape is not None and shape != expected:
            if not shape and not children(expr):
                raise refused(
                    where,
                    f"{gate.returned()}: its {what} is the plain number {render(expr)}, "
                    "not a value for each unit",
                )
            raise refused(
                where,
                f"{gate.place()}: its {what} has a width of {shape_text(shape)}, and the "
                f"gate has {gate_shape[0]} units",
            )


def _check_output(draft: Draft, bound: Bound, shapes: Mapping[str, Shape | None]) -> None:
    """Refuse an output unit in which two widths do not fit; histories have a further axis."""
    unit, pre = draft.output.unit, f"pre:{OUTPUT_UNIT}"
    if unit.uses_tensorflow or unit.history:
        return
    width = draft.sizes.of_gate(OUTPUT_UNIT)
    values = {a: Name("pre" if key == pre else key) for a, key in bound}
    try:
        value = draft.with_constants(lift(unit.compute(values)))
    except Exception:  # not an expression: it is checked when it first computes
        return
    known = {**shapes, "pre": (width,)}
    try:
        infer(value, known, draft.spec.functions, OUTPUT)
    except CellError as error:
        emitted = width_of(shapes[draft.spec.emits])
        if emitted != width:
            what = f"output unit {draft.output.kind!r}"
            raise CellError(f"{what} is {width} wide, but the cell emits {emitted}") from None
        raise refused(OUTPUT, f"{unit.place()}: {_reason(error)}") from None


def _reason(error: CellError) -> str:
    """Return why an expression is refused, without its place."""
    return str(error.fault.why if error.fault is not None else error)


def width_of(shape: Shape | None) -> int:
    """Return the number of elements of a signal; 1 for a plain number."""
    return math.prod(shape or ())


def check_matrices(draft: Draft, bindings: Bindings, shapes: Mapping[str, Shape | None]) -> None:
    """Refuse matrices where only vectors are allowed.

    Raises:
        CellError: a gate, read, norm or the output unit would get a matrix.
    """

    def check(where: Place, name: str) -> None:
        shape, stem = shapes.get(name), name.removesuffix("_prev")
        if shape is not None and len(shape) > 1:
            gate = where.path[:2] == ("cell", "gates")
            if gate and stem == draft.spec.emits and stem in draft.equations:
                where = CELL / "equations" / stem
            why = f"{name!r} is a matrix, {shape_text(shape)}, and only equations take matrices"
            raise refused(where, why)

    for gate in draft.gates:
        for _, key in bindings[gate]:
            check(draft.place(gate), key)
        for read in draft.reads(gate):
            for name in names(read.expr):
                check(draft.place(gate) / "reads", name)
    for name, source in draft.norms.items():
        check(CELL / "norms" / name, source)
    check(CELL / "emits", draft.spec.emits)
    for read in draft.output.reads:
        for name in names(draft.with_emitted(read.expr)):
            check(OUTPUT / "reads", name)
    for _, key in bindings[FEEDBACK]:
        check(OUTPUT, key.removesuffix("_history"))


_LARGEST = 1e300


def check_constants(draft: Draft, widths: Widths) -> None:
    """Refuse expressions with a constant part that is not a finite real number.

    ``((9**16)**16)**16`` would take gigabytes as an integer, and ``1 / 0`` has no value.

    Raises:
        CellError: a part is not finite, or not real.
    """
    for where, expr in _expressions(draft, widths):
        _value(draft.with_constants(expr), where)


def _expressions(draft: Draft, widths: Widths) -> Iterator[tuple[Place, Expr]]:
    for name, expr in draft.equations.items():
        yield CELL / "equations" / name, expr
    for name, gate in draft.gates.items():
        for read in gate.reads:
            yield draft.place(name) / "reads", read.expr
        expressions: GateExpression | None = widths.expressions[name]
        for expr in () if expressions is None else (expressions[0], *expressions[1].values()):
            yield CELL / "gates" / name, expr
    for read in draft.output.reads:
        yield OUTPUT / "reads", read.expr


def _value(expr: Expr, where: Place) -> float | None:
    """Return the value of a constant expression in floats; None if it is not constant."""
    if isinstance(expr, Number):
        return float(expr.value)
    inner = [_value(child, where) for child in children(expr)]
    values = [value for value in inner if value is not None]
    if isinstance(expr, Call) or not inner or len(values) < len(inner):
        return None
    try:
        compute = OPERATORS[expr.op] if isinstance(expr, Binary) else operator.neg
        result: float | complex = compute(*values)
    except (OverflowError, ZeroDivisionError):
        result = float("nan")
    if isinstance(result, complex) or not abs(result) <= _LARGEST:
        raise refused(
            where,
            f"the constant {render(expr, ' ')!r} is not a real number between "
            f"-{_LARGEST:g} and {_LARGEST:g}",
        )
    return result
