"""The number of seeds that a decision needs, given the size of an effect."""

from __future__ import annotations

import math

POWER = 0.8
"""Probability with which a design should detect a true difference: the customary 0.8."""

MOST_SEEDS = 1000
"""Larger numbers of seeds are not reported."""


def power_of_paired_t(effect_size: float, pairs: int, alpha: float) -> float:
    """Return the probability that a two-sided paired t test detects an effect of this size.

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
    power = 1 - float(nctdtr(pairs - 1, shift, limit)) + float(nctdtr(pairs - 1, shift, -limit))
    # Far from zero the noncentral t underflows; the normal distribution is accurate there.
    return power if math.isfinite(power) else float(ndtr(shift - limit))


def seeds_needed(effect_size: float | None, comparisons: int, alpha: float) -> int | None:
    """Return the fewest seeds that decide in four of five studies; None if above a thousand.

    The level is divided by the number of comparisons, which is the strictest step of Holm's
    method, and the exact test must be able to reach it. The number is an estimate, like the effect.

    Args:
        effect_size: Cohen's d of the pairs; no number of seeds is enough for None and zero.
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
