"""Intervals and effect sizes for a handful of seeds.

SciPy provides the distributions; it is imported on first use.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gatekit.runs.directions import DIRECTIONS, plain_name
from gatekit.runs.result import ResultMetric

Floats = NDArray[np.float64]
T = TypeVar("T")

_SHARES = """
acc accuracy auc auprc auroc average_precision balanced_accuracy dice ece error_rate exact_match f1
f1_score hamming_loss iou jaccard macro_f1 map mean_average_precision micro_f1 mrr ndcg pr_auc
precision recall roc_auc sensitivity specificity success_rate top_1_accuracy top_5_accuracy
"""
_ANY = ("loss", "nll", "negative_log_likelihood")  # may be negative, for densities


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and the name of its method."""

    low: float
    high: float
    level: float
    method: str


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    r"""Return Student's t interval of the mean; None for fewer than two values.

    $$\bar x \pm t_{n-1,(1+\mathrm{level})/2} \; s / \sqrt n$$

    Args:
        values: one number per seed, finite.
        level: confidence level, between 0 and 1.

    Reference:
        Student, "The probable error of a mean", Biometrika 6 (1908), doi:10.1093/biomet/6.1.1
    """
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return None
    x = np.asarray(values, dtype=np.float64)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * float(x.std(ddof=1)) / math.sqrt(n)
    mean = float(x.mean())
    return Interval(mean - half, mean + half, level, "Student t")


def of_seeds(values: Sequence[float], keys: Sequence[Hashable]) -> list[float]:
    r"""Return one number per seed; their mean is the mean of all runs, their spread that of seeds.

    In a pooled group a seed has several runs, which are not independent. With $N$ runs of $S$ seeds
    and their mean $m$, seed $s$ has $m + \frac{S}{N} \sum_{r \in s} (x_r - m)$. If all seeds have
    equally many runs, this is the mean of the seed's runs.

    Args:
        values: one number per run.
        keys: the pairing key of each run, with its seed as the first part; None without a seed.
    """
    seeds = by_seed(values, keys)
    if len(seeds) == len(values):
        return list(map(float, values))
    mean = float(np.asarray(values, dtype=np.float64).mean())
    parts = []
    for part in seeds.values():
        total = 0.0
        for value in part:
            total = total + value - mean
        parts.append(mean + len(seeds) / len(values) * total)
    return parts


def by_seed(values: Iterable[T], keys: Sequence[Hashable]) -> dict[Hashable, list[T]]:
    """Return the values of each seed; each run without a seed counts as a seed of its own.

    Args:
        values: one value per run.
        keys: as for `of_seeds`.
    """
    seeds: dict[Hashable, list[T]] = {}
    for value, key in zip(values, keys, strict=True):
        seed = key[:1] if isinstance(key, tuple) else object()
        seeds.setdefault(seed, []).append(value)
    return seeds


def seed_keys(seeds: Iterable[int | None]) -> list[Hashable]:
    """Return pairing keys that consist of the seed only."""
    return [None if seed is None else (seed,) for seed in seeds]


def by_pairing_key(values: Iterable[T], keys: Sequence[Hashable]) -> dict[tuple[Hashable, ...], T]:
    """Return the value of each run by its pairing key.

    Runs without a seed, and those that repeat another run's seed and pooled keys, are left out.

    Args:
        values: one value per run.
        keys: as for `of_seeds`.
    """
    counts = Counter(keys)
    return {
        key: value
        for key, value in zip(keys, values, strict=True)
        if isinstance(key, tuple) and counts[key] == 1
    }


def within_limits(interval: Interval | None, low: float, high: float) -> Interval | None:
    """Clip an interval to the values that a mean can have, which does not change its coverage."""
    if interval is None:
        return None
    ends = max(low, interval.low), min(high, interval.high)
    return Interval(*ends, interval.level, interval.method)


def limits(metric: ResultMetric, values: Iterable[float]) -> tuple[float, float]:
    """Return the smallest and the largest value that a metric can have.

    A well-known share, such as accuracy, is between 0 and 1, or between 0 and 100 if it is in
    percent or a value is above 1. Other well-known errors, such as mse, are at least 0, except
    losses and likelihoods, which may be negative. There are no limits for other metrics, or if a
    value is outside the limits.
    """
    name = plain_name(metric.name)
    finite = [value for value in values if math.isfinite(value)]
    low, high = -math.inf, math.inf
    if name in _SHARES.split():
        percent = "%" in metric.unit or "percent" in metric.unit
        low, high = 0.0, 100.0 if percent or max(finite, default=0.0) > 1 else 1.0
    elif DIRECTIONS.get(name) == "min" and name not in _ANY:
        low = 0.0
    inside = all(low <= value <= high for value in finite)
    return (low, high) if inside else (-math.inf, math.inf)


def effect_size(differences: Sequence[float]) -> float | None:
    """Return Cohen's d of paired differences, ``mean / standard deviation``.

    None for fewer than two pairs, for differences without spread, and if a run diverged.

    Args:
        differences: one per pair.

    Reference:
        Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.5
    """
    d = np.asarray(differences, dtype=np.float64)
    if len(d) < 2 or not np.isfinite(d).all() or not has_spread(d):
        return None
    return float(d.mean() / d.std(ddof=1))


def probability_of_improvement(
    ours: Sequence[float], theirs: Sequence[float], sign: int
) -> float | None:
    """Return the probability that one of our runs beats one of theirs; a tie counts half.

    This is the Mann-Whitney statistic divided by the number of pairs. None without runs.

    Args:
        ours: outcomes; infinite if a run diverged.
        theirs: outcomes of the other group.
        sign: +1 if larger is better, -1 if smaller is better.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264, section 4.3
    """
    x, y = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if not len(x) or not len(y):
        return None
    better = sign * x[:, None] > sign * y
    return float(np.mean(better + 0.5 * (x[:, None] == y)))


def signed_ranks(d: Floats) -> Floats:
    """Return the rank of each difference's size, with its sign; zeros stay zero.

    Args:
        d: differences; infinite ones share the largest rank.
    """
    from scipy.stats import rankdata

    size = np.abs(d)
    ranks = np.zeros(len(d))
    ranks[size > 0] = rankdata(size[size > 0])
    return np.asarray(np.sign(d) * ranks, dtype=np.float64)


def has_spread(d: Floats, axis: int = -1) -> NDArray[np.bool_]:
    """Return whether values differ by more than their last bits, along an axis."""
    return np.asarray(np.ptp(d, axis=axis) > 1e-9 * np.abs(d).max(axis=axis))
