"""Few cells that have between them every structure that many cells have.

What computes a cell depends on the functions in its equations and gates, its maps, its norms, its
states and the order of its products, not on its name. A costly test of the machinery runs on a few
cells in which all of these occur; that a cell computes what its paper says is tested on each cell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import seams
from seams import Binary, Expr, walk
from seams import BuiltCell as Cell
from seams import CallNode as Call
from seams import analyse_affine as analyse


@functools.cache
def bundled(name: str) -> Cell:
    """Return a bundled cell with small sizes."""
    return seams.cell(name, 8)


def _functions(expr: Expr, where: str) -> set[Any]:
    return {
        (where, part.function if isinstance(part, Call) else part.op)
        for part in walk(expr)
        if isinstance(part, (Call, Binary))
    }


def features(cell: Cell) -> frozenset[Any]:
    """Return all that a cell's structure has in common with some others."""
    found: set[Any] = {
        ("affine", analyse(cell).affine, len(cell.states) > 1),
        ("inputs", len(cell.inputs) > 1),
        ("shifted", bool(cell.shifted)),
        ("t", cell.uses_t),
        ("levels", len(cell.stages())),
        ("states", min(len(cell.states), 3)),
        ("parameters", bool(cell.parameters)),
        ("emits", cell.emits in {state.name for state in cell.states}),
        *(("trainable", weight.trainable) for weight in cell.weights),
    }
    for state in cell.states:
        learned, zoned = bool(state.learned), bool(state.zoneout)
        found |= {("state", len(state.shape)), ("learned", learned), ("zoneout", zoned)}
        found.add(("first value", bool(state.initial)))
    for node in cell.nodes:
        kind = (node.kind, node.hoisted)
        found |= {kind, (*kind, "states", bool(node.own_states))}
        if node.norm:
            found.add(("norm", node.norm.of, len(node.norm.group) > 1, node.hoisted))
        if node.expr is not None:
            found |= _functions(node.expr, "hoisted" if node.hoisted else "step")
        for read in node.reads:
            found.add(("read", read.map_kind, read.hoisted))
            found.add(("scaled", read.scale is not None))
            found.add(("read at", min(read.stage, 2), min(node.stage, 2)))
        if node.kind == "gate":
            found.add(("gate", bool(node.reads), node.bias is not None, len(node.arguments) > 1))
    for activated, own_states in cell.gate_expressions.values():
        for expr in (activated, *own_states.values()):
            found |= _functions(expr, "gate")
    return frozenset(found)


def operations(cell: Cell) -> frozenset[Any]:
    """Return those features that are kinds of operations, wherever they are in the cell."""
    found: set[Any] = set()
    for feature in features(cell):
        if feature[0] == "affine":
            found.add(feature)
        elif feature[0] in ("norm", "read"):
            found.add(feature[:2])
        elif feature[0] in ("hoisted", "step", "gate") and isinstance(feature[1], str):
            found.add(("function", feature[1]))
    return frozenset(found)


def representatives(
    names: Iterable[str],
    make: Callable[[str], Cell] = bundled,
    of: Callable[[Cell], frozenset[Any]] = features,
) -> tuple[str, ...]:
    """Return few of the cells that have every feature which any of them has, found greedily.

    Args:
        names: the cells; of those that add as much, the first is taken.
        make: makes a cell of its name.
        of: returns the features of a cell.
    """
    left = {name: of(make(name)) for name in names}
    chosen = []
    while any(left.values()):
        best = max(left, key=lambda name: len(left[name]))
        chosen.append(best)
        known = left.pop(best)
        left = {name: some - known for name, some in left.items()}
    return tuple(chosen)
