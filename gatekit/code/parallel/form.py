"""Which blocks of a cell are written as code, and simpler forms of what is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatekit.cell.analysis import affine, chunk
from gatekit.cell.analysis.chunk import Memory
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Expr, Neg, Number


class UnwrittenError(Exception):
    """The cell has no parallel form that is written as code."""


def blocks_of(cell: Cell) -> tuple[tuple[Any, ...], Mapping[str, Any], tuple[str, ...]]:
    """Return the blocks of a cell, with the reads and the gates that their formulas refer to.

    Raises:
        UnwrittenError: there are none, or they cannot be written.
    """
    spec = cell.spec
    noise = (spec.dropout, spec.recurrent_dropout, *(state.zoneout for state in cell.states))
    if any(noise) or cell.output.histories or cell.output.unit.feeds_back:
        raise UnwrittenError("noise, or an output unit that reads earlier steps")
    chunks = chunk.analyse(cell)
    if not chunks.reason and all(map(_is_written, chunks.memories)):
        return chunks.blocks, chunks.reads, chunks.pre_activations
    found = affine.analyse(cell)
    if not found.affine:
        raise UnwrittenError(found.reason)
    return found.blocks, found.reads, ()


def _is_written(memory: Memory) -> bool:
    plain = not memory.partner and memory.sign is None and memory.row is None
    if not plain or len(memory.reads) != 1:
        return False
    # Several terms are written if they correct what the memory contains, and are read afterwards.
    return len(memory.terms) == 1 or (memory.corrects and memory.reads[0].after)


_ONE = Number(1)


def simplified(expr: Expr) -> Expr:
    """Return a sum without zeros."""
    if isinstance(expr, Neg):
        inner = simplified(expr.operand)
        if isinstance(inner, Neg):
            return inner.operand
        if isinstance(inner, Binary) and inner.op == "*" and inner.right in (Neg(_ONE), Number(-1)):
            return inner.left
        return inner if inner == Number(0) else Neg(inner)
    if not (isinstance(expr, Binary) and expr.op in "+-*"):
        return expr
    left, right = simplified(expr.left), simplified(expr.right)
    zero = Number(0)
    if expr.op == "*":
        return zero if zero in (left, right) else Binary("*", left, right)
    if right == zero:
        return left
    if left == zero:
        return right if expr.op == "+" else Neg(right)
    return Binary(expr.op, left, right)
