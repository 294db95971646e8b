"""Why nothing is shown about a difference, and the interval that is shown beside a verdict."""

from __future__ import annotations

from enum import Enum

from gatekit.compare.stats.difference import Difference
from gatekit.compare.stats.intervals import Interval, mean_interval, within_limits
from gatekit.compare.stats.paired_tests import ALPHA


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
