"""Which linear operations are one product: those that multiply the same value by matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .ops import Linear, Op, Program


@dataclass(frozen=True)
class Product:
    """Linear operations of one value, computed together with their matrices side by side."""

    of: str
    members: tuple[Linear, ...]


def share(
    program: Program, ops: Sequence[Op] | None = None, apart: bool = False
) -> tuple[Product, ...]:
    """Return the products of a program, in the order of the signals that need them first.

    The members of a product are in the order of their owners among the cell's signals, which may
    differ from that of the operations: a shared norm computes the reads of its whole group at once.

    Args:
        program: the program.
        ops: some of its operations; all of them by default.
        apart: whether matrices that are not trained have products of their own, as in files.
    """
    place = {name: k for k, name in enumerate(program.signals)}
    linear = [op for op in (program.all if ops is None else ops) if isinstance(op, Linear)]
    groups: dict[tuple[str, bool], list[Linear]] = {}
    for op in sorted(linear, key=lambda op: place.get(op.owner, len(place))):
        if op.map.has_matrix():
            groups.setdefault((op.of, apart and not op.map.trainable), []).append(op)
    return tuple(Product(of, tuple(members)) for (of, _), members in groups.items())
