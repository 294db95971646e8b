"""How many seeds a decision needs, from the size of an effect."""

from __future__ import annotations

import math

POWER = 0.8
"""How often a design should find a difference that is there: the customary four of five."""

MOST_SEEDS = 1000
"""Beyond so many seeds the number itself says nothing more."""


def power_of_paired_t(effect_size: float, pairs: int, alpha: float) -> float:
    """Return how often a two-sided paired t test finds an effect of this size.

    Args:
        effect_size: Cohen's d of the pairs.
        pairs: number of pairs, at least two.
        alpha: level of the test.

    Reference:
        Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.5
    """
    from scipy.special import nctdtr, ndtr, stdtrit

    limit = float(stdtrit(pairs - 1, 1 - alpha / 2))
    shift = abs(effect_size) * math.sqrt(pairs)
    found = 1 - float(nctdtr(pairs - 1, shift, limit)) + float(nctdtr(pairs - 1, shift, -limit))
    # Far from zero the noncentral t has no digits left, and is as good as normal.
    return found if math.isfinite(found) else float(ndtr(shift - limit))


def seeds_needed(effect_size: float | None, comparisons: int, alpha: float) -> int | None:
    """Return the fewest seeds that decide in four of five studies; None above a thousand.

    The level is divided by the number of comparisons, the strictest step of Holm's method, and
    the exact test must be able to reach it. The effect is an estimate, and so is the number.

    Args:
        effect_size: Cohen's d of the pairs; None and zero need more seeds than there are.
        comparisons: how many groups are compared with a baseline in one table.
        alpha: level of the decision.
    """
    if not effect_size:
        return None
    level = alpha / comparisons
    least = max(2, math.floor(1 - math.log2(level)) + 1)
    if power_of_paired_t(effect_size, MOST_SEEDS, level) < POWER:
        return None
    low, high = least - 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        if power_of_paired_t(effect_size, middle, level) >= POWER:
            high = middle
        else:
            low = middle
    return high
