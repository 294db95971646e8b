"""Whether the steps of a cell can be computed together, in which form, and by which executor."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from gatekit.cell.analysis.affine import Block
from gatekit.cell.analysis.affine import analyse as affinity
from gatekit.cell.analysis.chunk import analyse as chunks
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import render


def parallel(cell: Cell) -> dict[str, Any]:
    """Return how the steps of a cell are computed together.

    Args:
        cell: the built cell.

    Returns:
        ``form``, the form of its states in a sentence, or None; ``executor``, the executor that
        uses it (``chunk`` or ``scan``), or None; ``reason``, why other executors cannot, or an
        empty string.
    """
    memories = chunks(cell)
    if not memories.reason:
        return {"form": memories.sentence(), "executor": "chunk", "reason": ""}
    reason = f"chunk: {memories.reason}"
    affine = affinity(cell)
    if affine.affine:
        form = "; ".join(line for block in affine.blocks for line in solved(block))
        return {"form": form, "executor": "scan", "reason": reason}
    return {"form": None, "executor": None, "reason": f"{reason}; affine: {affine.reason}"}


def solved(block: Block) -> list[str]:
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


def text(name: str, found: Mapping[str, Any]) -> str:
    """Return the result of `parallel` as lines of at most 80 characters.

    Args:
        name: the cell's name.
        found: the result.
    """
    if found["executor"] is None:
        lines = [f"{name}: no executor computes all steps together"]
    else:
        lines = [f"{name}: executor={found['executor']} computes all steps together"]
    for part in (found["form"], found["reason"]):
        if part:
            lines += textwrap.wrap(
                part, 80, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
            )
    return "\n".join(lines)
