"""Whether the steps of a cell can be computed together, in which form, and by which executor."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from gatekit.cell.analysis.affine import analyse as affine_states
from gatekit.cell.analysis.chunk import analyse as chunks
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import render
from gatekit.cell.program import Solve


def parallel(cell: Cell) -> dict[str, Any]:
    """Return how the steps of a cell are computed together.

    Args:
        cell: the built cell.

    Returns:
        ``kind``: ``chunk``, ``affine`` or ``sequential``; ``form``, the form of the cell's states
        in a sentence, or None; ``executor``, the executor that uses the form (``chunk`` or
        ``scan``), or None; ``reason``, why the executors that were tried before cannot, or an empty
        string.
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
    return _result("sequential", None, None, reason)


def _result(kind: str, form: str | None, executor: str | None, reason: str) -> dict[str, object]:
    return {"kind": kind, "form": form, "executor": executor, "reason": reason}


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
        description: the result of `parallel`.
    """
    if description["executor"] is None:
        lines = [f"{name}: sequential; no executor computes all steps together"]
    else:
        together = f"executor={description['executor']} computes all steps together"
        lines = [f"{name}: {description['kind']}; {together}"]
    for part in (description["form"], description["reason"]):
        if part:
            lines += textwrap.wrap(
                part, 80, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )
    return "\n".join(lines)
