"""Sizes in cells: numbers, names of widths, and arithmetic on them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import ExpressionError, listed, nearest, refused
from gatekit.cell.language.expression import (
    OPERATORS,
    Binary,
    Expr,
    Name,
    Neg,
    Number,
    names,
)
from gatekit.cell.language.parse import parse
from gatekit.cell.language.shape import MAX_ELEMENTS
from gatekit.cell.learned import Parameter
from gatekit.cell.schema import CELL, OUTPUT, OUTPUT_UNIT
from gatekit.faults import Place

from .draft import Draft

MAX_CHARACTERS = 200
MAX_CHAIN = 30
# Beyond this, integers are not exact as floats; no size comes close.
_LARGEST = 2.0**53


def size(draft: Draft, value: object, where: Place, chain: tuple[str, ...] = ()) -> int:
    """Return a size as a number.

    Args:
        draft: the cell.
        value: a number, ``scalar``, or arithmetic on constants, gates and inputs.
        where: the place in the cell, for messages.
        chain: the gates whose widths depend on this size; it cannot depend on them.

    Raises:
        CellError: a name is not a size, or the result is not a whole number from 1.
        ExpressionError: the value is not arithmetic.
    """
    if value == "scalar":
        return 1
    result = value if _whole(value) else _computed(draft, value, where, chain)
    if isinstance(result, float) and result.is_integer():
        result = int(result)
    if not isinstance(result, int) or result < 1:
        raise refused(
            where,
            f"{value!r} is {result}; "
            "a width is a whole number from 1; write for example units, or units // 2",
        )
    if result > MAX_ELEMENTS:
        raise refused(
            where,
            f"{value!r} is {result:,}; a width is at most {MAX_ELEMENTS:,}; write a "
            "smaller number, such as 8",
        )
    return result


def gate_size(draft: Draft, name: str, chain: tuple[str, ...] = ()) -> int:
    """Return the units of a gate, or of the output unit.

    Raises:
        CellError: the gate's ``units`` are not a size.
    """
    known = draft.gate_sizes
    if name == OUTPUT_UNIT:
        return size(draft, draft.output.unit.units, OUTPUT / "units", chain)
    if name not in known:
        spec = draft.gates[name]
        where = draft.place(name) / ("width" if spec.owner else "units")
        if len(chain) > MAX_CHAIN:
            raise refused(where, f"the width depends on a chain of more than {MAX_CHAIN} gates")
        if spec.owner and spec.gate.units == "units":
            known[name] = gate_size(draft, spec.owner, (*chain, name))
        else:
            known[name] = size(draft, spec.gate.units, where, (*chain, name))
    return known[name]


def state_size(draft: Draft, key: str) -> int:
    """Return the width of a gate's own state; ``units`` means the units of the gate.

    Args:
        draft: the cell.
        key: the state's key, ``GATE.STATE``.

    Raises:
        CellError: the width is not a size.
    """
    owner = draft.own_states[key]
    name = key.removeprefix(f"{owner}.")
    width = draft.gates[owner].gate.own_states()[name].width
    units = gate_size(draft, owner)
    return (
        units if width == "units" else size(draft, width, CELL / "gates" / owner / "states" / name)
    )


def parameter_size(draft: Draft, parameter: Parameter, gate_units: int, where: Place) -> int:
    """Return the width of a parameter; ``units`` means the units of the gate that owns it.

    Raises:
        CellError: the shape is not a size.
    """
    return gate_units if parameter.shape == "units" else size(draft, parameter.shape, where)


def size_names(draft: Draft) -> frozenset[str]:
    """Return the names that appear in widths."""
    declared = [*(g.gate for g in draft.gates.values()), draft.output.unit]
    widths = [d.units for d in declared]
    widths += [p.shape for d in declared for p in d.parameters.values()]
    widths += [s.width for g in draft.gates.values() for s in g.gate.own_states().values()]
    widths += [p.shape for p in draft.parameters.values()]
    return frozenset(name for width in widths for name in names(_parsed(width)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _computed(draft: Draft, value: object, where: Place, chain: tuple[str, ...]) -> Any:
    try:
        expr = _parsed(value)
    except ExpressionError as error:
        raise error.below(where) from None
    env: dict[str, Any] = dict(draft.constants)
    for name in names(expr):
        if name in env:
            continue
        if name in draft.gates and name not in chain:
            env[name] = gate_size(draft, name, chain)
        elif name in draft.inputs:
            env[name] = draft.inputs[name]
        else:
            gates = [gate for gate in draft.gates if not draft.is_projection(gate)]
            known = [*env, *gates, *draft.inputs]
            why = f"{name!r} is not a size{nearest(name, known) or '.'} Sizes: {listed(known)}."
            raise refused(where, why)
    try:
        return _arithmetic(expr, env)
    except ZeroDivisionError:
        raise refused(where, f"{value!r} divides by zero") from None
    except OverflowError:
        raise refused(
            where,
            f"{value!r} is too large; a width is a whole number from 1 to "
            f"{MAX_ELEMENTS:,}, such as 8",
        ) from None


def _parsed(value: object) -> Expr:
    text = str(value) if _whole(value) or isinstance(value, float) else value
    if isinstance(text, str) and len(text) > MAX_CHARACTERS:
        raise ExpressionError(
            f"a width has {len(text)} characters; at most {MAX_CHARACTERS} are allowed"
        )
    return _read(text) if isinstance(text, str) else parse(value, {}, sizes=True)


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> Expr:
    return parse(text, {}, sizes=True)


def _arithmetic(expr: Expr, env: Mapping[str, int | float]) -> int | float:
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
        return -_arithmetic(expr.operand, env)
    assert isinstance(expr, Binary)
    left, right = _arithmetic(expr.left, env), _arithmetic(expr.right, env)
    if expr.op == "**":
        # Try the power in floats first: as an integer it may have any number of digits.
        _small(float(left) ** right)
    return _small(OPERATORS[expr.op](left, right))


def _small(value: Any) -> int | float:
    if isinstance(value, complex) or not abs(value) <= _LARGEST:
        raise OverflowError
    number: int | float = value
    return number
