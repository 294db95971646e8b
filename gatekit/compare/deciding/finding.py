"""What a comparison found about a group: its difference, or why nothing is shown."""

from __future__ import annotations

from dataclasses import dataclass

from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.intervals import Interval

from .reasons import Why, corrected, why_open
from .row import Row


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a group against its baseline.

    Attributes:
        row: the group.
        difference: its difference from the baseline, with the decision and the p value.
        interval: the interval of the difference, corrected for the comparisons of the table.
        why: why nothing is shown.
    """

    row: Row
    difference: Difference
    interval: Interval | None
    why: Why

    @property
    def shown(self) -> bool:
        """Return whether there is a verdict: better, worse, or within a margin."""
        return self.why is Why.SHOWN


def find(row: Row) -> Finding | None:
    """Return what was found about a group; None if it is not compared with a baseline."""
    diff = row.difference
    if diff is None:
        return None
    return Finding(row, diff, corrected(diff), why_open(diff))


def is_answered(row: Row) -> bool:
    """Return whether there is a verdict on the group: better, worse, or within a margin.

    Tables, the report and figures mark a group as decided by this rule.
    """
    return row.difference is not None and row.difference.decision not in ("none", "open")
