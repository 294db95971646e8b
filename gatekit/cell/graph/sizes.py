"""Sizes as cells write them: numbers, names of widths, and arithmetic on them."""

from __future__ import annotations

from typing import Any

from ..equation import parse
from ..errors import CellError, ExpressionError, listed, nearest
from ..expression import evaluate, names
from ..parameter import Parameter
from .draft import Draft


def size(draft: Draft, value: Any, where: str, chain: tuple[str, ...] = ()) -> int:
    """Return the width that a size stands for.

    Args:
        draft: the cell.
        value: a number, ``scalar``, or arithmetic on constants, gates and inputs.
        where: the place in the cell, for messages.
        chain: the gates whose width this one is part of, so that none needs itself.

    Raises:
        CellError: a name is no size, or the result is not a whole number from 1.
        ExpressionError: it is not arithmetic.
    """
    if value == "scalar":
        return 1
    result = value if _whole(value) else _computed(draft, value, where, chain)
    if isinstance(result, float) and result.is_integer():
        result = int(result)
    if not isinstance(result, int) or result < 1:
        raise CellError(
            f"{where}: {value!r} is {result}; a width is a whole number from 1 (use // to divide)"
        )
    return result


def gate_size(draft: Draft, name: str, chain: tuple[str, ...] = ()) -> int:
    """Return the units of a gate.

    Raises:
        CellError: they are not a size.
    """
    return size(draft, draft.gates[name].gate.units, f"cell.gates.{name}.units", (*chain, name))


def parameter_size(draft: Draft, parameter: Parameter, gate_units: int, where: str) -> int:
    """Return the width of a parameter; ``units`` are those of the gate that owns it.

    Raises:
        CellError: the shape is not a size.
    """
    return gate_units if parameter.shape == "units" else size(draft, parameter.shape, where)


def size_names(draft: Draft) -> frozenset[str]:
    """Return the names that widths are made of."""
    declared = [*(g.gate for g in draft.gates.values()), draft.output.unit]
    widths = [d.units for d in declared]
    widths += [p.shape for d in declared for p in d.parameters.values()]
    widths += [p.shape for p in draft.parameters.values()]
    return frozenset(name for width in widths for name in names(parse(width, {}, sizes=True)))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _computed(draft: Draft, value: Any, where: str, chain: tuple[str, ...]) -> Any:
    try:
        expr = parse(value, {}, sizes=True)
    except ExpressionError as error:
        raise ExpressionError(f"{where}: {error}") from None
    env: dict[str, Any] = dict(draft.constants)
    for name in names(expr):
        if name in env:
            continue
        if name in draft.gates and name not in chain:
            env[name] = size(draft, draft.gates[name].gate.units, where, (*chain, name))
        elif name in draft.inputs:
            env[name] = draft.inputs[name]
        else:
            known = [*env, *draft.gates, *draft.inputs]
            raise CellError(
                f"{where}: {name!r} is not a size{nearest(name, known) or '.'} "
                f"Sizes: {listed(known)}."
            )
    try:
        return evaluate(expr, env, {})
    except ZeroDivisionError:
        raise CellError(f"{where}: {value!r} divides by zero") from None
