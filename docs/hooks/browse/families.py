"""Reads ``families.txt``: the families of the bundled cells, and the cell that each comes from.

The file has a line ``# KEY | TITLE | SENTENCE`` for each family, and below it a line for each cell:
its name, or ``NAME SIGN OTHER: WORDS``. The sign is ``>`` if the cell has the other as a special
case, ``<`` if it is a special case of the other, and ``~`` if it changes the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FAMILY = re.compile(r"# (\w+) \| ([^|]+) \| ([^|]+)")
_CELL = re.compile(r"(\w+)(?: ([<>~]) (\w+): (.+))?")
RELATIONS = {">": "generalises", "<": "special case of", "~": "changes"}


@dataclass(frozen=True)
class Family:
    """A family of cells: its key, its title, one sentence about it."""

    key: str
    title: str
    about: str


OTHERS = Family("others", "Your own and others", "Cells that are not part of gatekit.")


@dataclass(frozen=True)
class Lineage:
    """The family and the origin of a cell.

    Attributes:
        family: the key of its family.
        other: the cell that it comes from, or an empty string.
        relation: ``generalises``, ``special case of`` or ``changes``; empty without another cell.
        words: the difference between the two cells.
    """

    family: str
    other: str = ""
    relation: str = ""
    words: str = ""


def families() -> Mapping[str, Family]:
    """Return the families by key, in the order of the page."""
    return _read()[0]


def lineages() -> Mapping[str, Lineage]:
    """Return the lineage of each bundled cell by name, in the order of the page."""
    return _read()[1]


@cache
def _read() -> tuple[dict[str, Family], dict[str, Lineage]]:
    text = (Path(__file__).parent / "families.txt").read_text(encoding="utf-8")
    by_key: dict[str, Family] = {}
    cells: dict[str, Lineage] = {}
    for line in filter(None, text.split("\n")):
        head, cell = _FAMILY.fullmatch(line), _CELL.fullmatch(line)
        if head:
            by_key[head[1]] = Family(*head.groups())
        elif cell and by_key and cell[1] not in cells:
            name, sign, other, words = cell.groups("")
            cells[name] = Lineage([*by_key][-1], other, RELATIONS.get(sign, ""), words)
        else:
            raise ValueError(
                f"families.txt: {line!r} is neither a family nor a cell, comes before the first "
                "family, or repeats a cell"
            )
    by_key[OTHERS.key] = OTHERS
    return by_key, cells
