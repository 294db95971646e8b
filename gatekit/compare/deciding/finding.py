"""What a comparison found about a group: the decision, its size, how sure it is, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.intervals import Interval, mean_interval, within_limits
from gatekit.compare.stats.paired_tests import ALPHA

if TYPE_CHECKING:
    from .row import Row


class Why(Enum):
    """Why nothing is shown about a group, in the order in which the reasons are looked for."""

    SHOWN = "shown"
    REFUSED = "not comparable"
    WAITS = "runs are missing"
    NO_SEED = "no common seed"
    FEW = "too few seeds"
    OPPOSED = "mean and most seeds disagree"
    CHANCE = "at chance"
    CEILING = "at the ceiling"
    OPEN = "not told apart"


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


def why_open(diff: Difference) -> Why:
    """Return why nothing is shown about a difference."""
    if diff.decision not in ("none", "open"):
        return Why.SHOWN
    reasons = {
        Why.REFUSED: bool(diff.refused),
        Why.WAITS: bool(diff.blocked),
        Why.NO_SEED: not diff.pairs,
        Why.FEW: diff.test is None,
        Why.OPPOSED: diff.opposed,
        Why.CHANCE: diff.at_chance,
        Why.CEILING: diff.at_ceiling,
    }
    return next((why for why, holds in reasons.items() if holds), Why.OPEN)


def corrected(diff: Difference) -> Interval | None:
    """Return the interval of a difference that holds together with the others of its table."""
    family = 1 if diff.test is None else diff.test.comparisons
    if diff.interval is None or family == 1:
        return diff.interval
    return within_limits(mean_interval(diff.values, 1 - ALPHA / family), *diff.bounds)
