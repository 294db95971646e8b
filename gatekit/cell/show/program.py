"""A cell's step as a list of operations, for people and as plain data."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.language.expression import render
from gatekit.cell.program import (
    Apply,
    Drop,
    Hold,
    Linear,
    Norm,
    Op,
    Opaque,
    Program,
    Sum,
    Window,
    outs,
)
from gatekit.cell.program.equations import map_text

_WHEN = {
    "once": "once per call",
    "before": "for all steps at once, before the loop",
    "step": "in each step",
    "after": "for all steps at once, after the loop",
}


def operations(program: Program) -> list[dict[str, Any]]:
    """Return the operations of a program as plain data, in order.

    Args:
        program: the program of a cell.

    Returns:
        For each operation ``when`` (``once``, ``before``, ``step`` or ``after``), ``kind``, the
        names of the ``values`` that it computes, those that it ``reads``, and ``text``.
    """
    known = program.timeless
    parts: list[tuple[str, Op]] = [("once", op) for op in program.setup]
    parts += [("before" if known.issuperset(outs(op)) else "step", op) for op in program.step]
    parts += [("step", op) for op in program.holds]
    parts += [("after", op) for op in program.after]
    return [
        {
            "when": when,
            "kind": type(op).__name__.lower(),
            "values": list(outs(op)),
            "reads": list(op.reads),
            "text": f"{', '.join(outs(op))} = {_right_side(op)}",
        }
        for when, op in parts
    ]


def text(name: str, listed: Sequence[Mapping[str, Any]]) -> str:
    """Return operations as lines of at most 80 characters.

    Args:
        name: the cell's name.
        listed: the result of `operations`.
    """
    lines = [f"{name}: a step as {len(listed)} operations"]
    for when, title in _WHEN.items():
        found = [op["text"] for op in listed if op["when"] == when]
        lines += ["", title] if found else []
        for line in found:
            lines += textwrap.wrap(
                line, 80, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
            )
    return "\n".join(lines)


def _right_side(op: Op) -> str:
    if isinstance(op, Linear):
        return f"{map_text(op.map, op.kind)}({', '.join((op.of, *op.weights.values()))})"
    if isinstance(op, Sum):
        return " + ".join(op.parts)
    if isinstance(op, Norm):
        return f"normalised({', '.join(op.of)}, epsilon={op.epsilon:g})"
    if isinstance(op, Apply):
        return render(op.expr, " ")
    if isinstance(op, Opaque):
        return f"{op.kind}({', '.join(op.reads)})"
    if isinstance(op, Drop):
        return f"dropout({op.of})"
    if isinstance(op, Hold):
        return f"hold({op.new}, {op.old}" + (f", zoneout={op.rate:g})" if op.rate else ")")
    if isinstance(op, Window):
        return f"window({op.of}, {op.length})"
    return f"{type(op).__name__.lower()}({', '.join(op.reads)})"
