"""Intervals, tests and effect sizes for a handful of seeds.

SciPy provides the distributions and the bootstrap; it is imported on first use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_PAIRS = 5
"""Fewest pairs for a p value; with four pairs, p cannot be below 0.125."""

MIN_BOOTSTRAP = 10
"""Fewest values for a bootstrap; with three values it covers about 71 % instead of 95 %."""

EXACT = 16
"""Most pairs for which all 2**n sign flips are counted; above, Wilcoxon's test is used."""

_RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and the name of its method."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Two-sided p values of paired differences, and the smallest that this many pairs can reach."""

    p: float
    test: str
    smallest_p: float
    p_t: float | None


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


def bootstrap_interval(values: Sequence[float], level: float = 0.95) -> Interval | None:
    """Return the BCa bootstrap interval of the mean; None for fewer than ten values.

    The generator is seeded, so the same values give the same interval. Values without spread
    give None.

    Args:
        values: one number per seed, finite.
        level: confidence level, between 0 and 1.

    Reference:
        Efron, "Better bootstrap confidence intervals", JASA 82 (1987),
        doi:10.1080/01621459.1987.10478410
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < MIN_BOOTSTRAP or not _spread(x):
        return None
    from scipy.stats import bootstrap  # type: ignore[attr-defined, unused-ignore]

    ends = bootstrap(
        (x,),
        np.mean,
        confidence_level=level,
        n_resamples=_RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(ends.low), float(ends.high), level, "BCa bootstrap")


def interquartile_mean(values: Sequence[float]) -> float | None:
    """Return the mean of the middle half; None if it contains an infinity (a worst outcome).

    A quarter of the values, rounded down, is cut off at each end; below four values nothing is cut.

    Args:
        values: one number per seed; infinite if a run diverged.

    Reference:
        Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice",
        NeurIPS (2021), arXiv:2108.13264
    """
    x = np.sort(np.asarray(values, dtype=np.float64))
    cut = len(x) // 4
    middle = x[cut : len(x) - cut]
    return float(middle.mean()) if len(middle) and np.isfinite(middle).all() else None


def paired_test(differences: Sequence[float]) -> PairedTest | None:
    """Test whether paired differences are symmetric about zero; None for fewer than five.

    Up to 16 pairs this is Fisher's exact permutation test of the mean, which counts all ``2**n``
    sign flips. With more pairs it is Wilcoxon's signed-rank test. If one run of a pair diverged,
    the difference is infinite and both tests use signed ranks.

    Args:
        differences: one per pair; ``inf`` or ``-inf`` if one run of the pair diverged.

    Reference:
        Fisher, "The design of experiments" (1935), section 21; Wilcoxon, Biometrics Bulletin 1
        (1945), doi:10.2307/3001968
    """
    d = np.asarray(differences, dtype=np.float64)
    n = len(d)
    if n < MIN_PAIRS:
        return None
    finite = bool(np.isfinite(d).all())
    smallest = 2.0 ** (1 - n)
    p_t = _paired_t(d) if finite else None
    if not d.any():
        return PairedTest(1.0, "exact sign-flip permutation", smallest, p_t)
    if n <= EXACT:
        if finite:
            return PairedTest(_sign_flips(d), "exact sign-flip permutation", smallest, p_t)
        return PairedTest(_sign_flips(_signed_ranks(d)), "exact signed-rank", smallest, p_t)
    from scipy.stats import wilcoxon

    ranks = d if finite else _signed_ranks(d)
    return PairedTest(float(wilcoxon(ranks).pvalue), "Wilcoxon signed-rank", smallest, p_t)


def _paired_t(d: NDArray[np.float64]) -> float | None:
    if not _spread(d):
        return None
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(d, 0.0).pvalue)


def _spread(x: NDArray[np.float64]) -> bool:
    # Equal differences may differ in the last bits, which is not a spread to divide by.
    return bool(np.ptp(x) > 1e-9 * np.abs(x).max())


def _sign_flips(d: NDArray[np.float64]) -> float:
    n = len(d)
    patterns = np.arange(2**n)[:, None] >> np.arange(n) & 1
    sums = np.abs((1 - 2 * patterns) @ d)
    # Sums that are equal in exact arithmetic differ in the last bits; count them as equal.
    tolerance = 1e-12 * float(np.abs(d).sum())
    return float(np.mean(sums >= abs(float(d.sum())) - tolerance))


def _signed_ranks(d: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import rankdata

    size = np.abs(d)
    ranks = np.zeros(len(d))
    ranks[size > 0] = rankdata(size[size > 0])
    return np.asarray(np.sign(d) * ranks, dtype=np.float64)


def effect_size(differences: Sequence[float]) -> float | None:
    """Return Cohen's d of paired differences, ``mean / standard deviation``.

    None for fewer than two pairs, for differences without spread, and if a run diverged.

    Args:
        differences: one per pair.

    Reference:
        Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.5
    """
    d = np.asarray(differences, dtype=np.float64)
    if len(d) < 2 or not np.isfinite(d).all() or not _spread(d):
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's step-down method, in their order.

    Args:
        p_values: the p values of one family of comparisons.

    Reference:
        Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6
        (1979) 65-70
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
