"""The number of seeds that the decision rule needs, given the size of an effect."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .multiple_comparisons import flipped_maxima
from .paired_tests import ALPHA, MIN_FLIPS, MIN_SEEDS

POWER = 0.8
"""Probability with which a design should detect a true difference: the customary 0.8."""

MOST_SEEDS = 1000
"""Larger numbers of seeds are not reported."""

_GRID = (8, 9, 10, 12, 14, 17, 20, 25, 30, 40, 60)
_STUDIES, _COLUMNS = 40, 800


def seeds_needed(effect_size: float | None, comparisons: int) -> int | None:
    """Return the fewest seeds with which the rule decides in four of five studies.

    None if this takes more than a thousand seeds. The other groups of the table are assumed not to
    differ, which is the strictest case. The number is an estimate, as the effect size is.

    Args:
        effect_size: Cohen's d of the seeds' differences; for None and zero, no number of seeds
            gives a decision.
        comparisons: how many groups are compared with a baseline in one table.
    """
    if not effect_size or power(effect_size, MOST_SEEDS, comparisons) < POWER:
        return None
    low, high = MIN_SEEDS - 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        if power(effect_size, middle, comparisons) >= POWER:
            high = middle
        else:
            low = middle
    return high


def power(effect_size: float, seeds: int, comparisons: int) -> float:
    """Return the probability that the rule detects an effect of this size.

    The t statistic of a true difference has a noncentral t distribution; the critical value is that
    of `bar`.

    Args:
        effect_size: Cohen's d of the seeds' differences.
        seeds: number of seeds, at least five.
        comparisons: how many groups are compared with a baseline in one table.

    Reference:
        Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.5
    """
    from scipy.special import nctdtr, ndtr

    limit = bar(seeds, comparisons)
    shift = abs(effect_size) * math.sqrt(seeds)
    beyond = 1 - float(nctdtr(seeds - 1, shift, limit)) + float(nctdtr(seeds - 1, shift, -limit))
    # Far from zero the noncentral t underflows; the normal distribution is accurate there.
    return beyond if math.isfinite(beyond) else float(ndtr(shift - limit))


def bar(seeds: int, comparisons: int) -> float:
    """Return how large |t| must be for a verdict if no other group differs.

    From eight seeds on, this critical value is simulated: it is the 95 % quantile of the largest
    |t| under sign flips in tables of normal noise. The quantile is one vector higher, because the
    unflipped table is one of the vectors. It is interpolated in 1 / seeds, and constant beyond
    sixty seeds.

    Args:
        seeds: number of seeds, at least five.
        comparisons: how many groups are compared with a baseline in one table.
    """
    if seeds < MIN_FLIPS:
        from scipy.special import stdtrit

        return float(stdtrit(seeds - 1, 1 - ALPHA / comparisons / 2))
    above = next((n for n in _GRID if n >= seeds), _GRID[-1])
    below = max((n for n in _GRID if n <= seeds), default=above)
    if above <= below:
        return _simulated(min(above, below), comparisons)
    weight = (1 / below - 1 / seeds) / (1 / below - 1 / above)
    return (1 - weight) * _simulated(below, comparisons) + weight * _simulated(above, comparisons)


@lru_cache(maxsize=256)
def _simulated(seeds: int, comparisons: int) -> float:
    rng = np.random.default_rng(0)
    studies = max(2, min(_STUDIES, _COLUMNS // comparisons))
    runs = rng.normal(size=(studies, seeds, comparisons + 1))
    largest = flipped_maxima(runs[..., 1:] - runs[..., :1])
    return float(np.quantile(largest, 1 - ALPHA + 2.0 ** (1 - seeds), axis=-1).mean())
