"""Whether the steps of a cell can be computed together, in which form, and by which executor."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from gatekit.cell.analysis.affine import analyse as affine_states
from gatekit.cell.analysis.chunk import analyse as chunks
from gatekit.cell.analysis.newton import MOST, at_start
from gatekit.cell.analysis.newton import analyse as jacobian
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import render
from gatekit.cell.program import Solve


def parallel(cell: Cell) -> dict[str, Any]:
    """Return how the steps of a cell are computed together.

    Args:
        cell: the built cell.

    Returns:
        ``kind``: ``chunk``, ``affine``, ``diagonal newton``, ``block newton`` or ``sequential``;
        ``form``, the form of the cell's states in a sentence, or None; ``executor``, the executor
        that uses the form (``chunk``, ``scan`` or ``newton``), or None; ``reason``, why the
        executors that were tried before cannot, or an empty string.
    """
    memories = chunks(cell)
    if not memories.reason:
        return _result("chunk", memories.sentence(), "chunk", "")
    reason = f"chunk: {memories.reason}"
    affine = affine_states(cell)
    if affine.affine:
        form = "; ".join(line for block in affine.blocks for line in state_lines(block))
        return _result("affine", form, "scan", reason)
    reason += f"; affine: {affine.reason}"
    units = jacobian(cell)
    if not units.reason:
        kind = "block newton" if units.size > 1 else "diagonal newton"
        return _result(kind, units.sentence(), "newton", reason)
    return _result("sequential", None, None, f"{reason}; newton: {units.reason}")


def _result(kind: str, form: str | None, executor: str | None, reason: str) -> dict[str, object]:
    return {"kind": kind, "form": form, "executor": executor, "reason": reason}


def measure(cell: Cell) -> dict[str, Any]:
    """Count the iterations of Newton's method at the cell's initial weights; this takes seconds.

    Args:
        cell: the built cell.

    Returns:
        ``iterations``, a mapping from the sequence length, as a string, to the count, which is None
        if it is more than 50; ``method``, ``newton`` with the exact Jacobian or ``quasi-newton``
        with its diagonal; ``lyapunov``, the largest Lyapunov exponent per step, or None;
        ``not_measured``, why iterations were not counted, or an empty string.
    """
    counted = at_start(cell)
    return {
        "iterations": {str(length): count for length, count in counted.of.items()},
        "method": counted.method,
        "lyapunov": None if counted.lyapunov is None else round(counted.lyapunov, 4),
        "not_measured": counted.reason,
    }


def state_lines(block: Solve) -> list[str]:
    """Return a line for each state of an affine block: its equation."""
    lines = []
    for state, row, rest in zip(block.states, block.a, block.b, strict=True):
        terms = [
            f"({render(a, ' ')}) * {other}_prev"
            for other, a in zip(block.states, row, strict=True)
            if a is not None
        ]
        if rest is not None:
            terms.append(render(rest, " "))
        lines.append(f"{state} = {' + '.join(terms) or '0'}")
    return lines


def text(name: str, description: Mapping[str, Any]) -> str:
    """Return the result of `parallel` as lines of at most 80 characters.

    Args:
        name: the cell's name.
        description: the result of `parallel`, merged with that of `measure` to show iterations.
    """
    if description["executor"] is None:
        lines = [f"{name}: sequential; no executor computes all steps together"]
    else:
        together = f"executor={description['executor']} computes all steps together"
        lines = [f"{name}: {description['kind']}; {together}"]
    for part in (description["form"], description["reason"], _iterations(description)):
        if part:
            lines += textwrap.wrap(
                part, 80, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )
    return "\n".join(lines)


def _iterations(description: Mapping[str, Any]) -> str:
    if "iterations" not in description:
        return ""
    if description["not_measured"]:
        return f"iterations were not counted: {description['not_measured']}"
    counts = ", ".join(
        f"{'more than ' + str(MOST) if count is None else count} at {length} steps"
        for length, count in description["iterations"].items()
    )
    method = {
        "newton": "Newton iterations with the exact Jacobian",
        "quasi-newton": "quasi-Newton iterations with the diagonal of the Jacobian",
    }[description["method"]]
    exponent = description["lyapunov"]
    ending = "" if exponent is None else f"; largest Lyapunov exponent {exponent:.3g} per step"
    return f"{method}, to 1e-4 at the initial weights: {counts}{ending}"
