"""One group of a comparison, and the order of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import refuse_attribute
from gatekit.compare.grouping.group import Group
from gatekit.compare.stats.baseline import Block
from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.verdict import verdict
from gatekit.compare.summary import Summary


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a comparison; ``summary`` is None if no run has an outcome.

    ``block`` holds the keys that the group shares with its baseline, including those of the task;
    ``name`` is the group's label without these keys. ``place`` is that of the group's variant, from
    which its colour follows.
    """

    group: Group
    summary: Summary | None
    difference: Difference | None
    is_baseline: bool
    block: Block = ()
    name: str = ""
    place: int = 0

    if not TYPE_CHECKING:  # else a type checker would allow every attribute

        def __getattr__(self, name: str) -> Any:
            instead = dict.fromkeys(
                ("mean", "median", "std", "value", "score", "interval", "n"),
                "write row.summary, which has mean, interval and n",
            )
            instead |= dict.fromkeys(("label", "runs", "settings"), "write row.group")
            refuse_attribute("a row of a comparison", name, dir(type(self)), instead)

    @property
    def verdict(self) -> str | None:
        """Return the verdict as a sentence; None for the baseline and for groups without one."""
        return None if self.difference is None else verdict(self.group.label, self.difference)


def family(rows: Sequence[Row]) -> dict[str, str | None]:
    """Return the baseline of each group, without the names that you chose; None for a baseline."""
    typed = {row.group.label: row.group.typed() for row in rows}
    return {
        row.group.typed(): typed.get(row.difference.baseline) if row.difference else None
        for row in rows
    }


def order(row: Row) -> tuple[list[tuple[int, float, str]], int, tuple[float, float, float], str]:
    block = [_sortable(part) for pair in row.block for part in pair]
    if row.summary is None:
        return (block, 1, (0.0, 0.0, 0.0), row.group.label)
    return (block, 0, row.summary.rank, row.group.label)


def _sortable(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value))
