"""Variants over several tasks with equal weights: means, their intervals, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import Interval


def stratified_mean(strata: Sequence[Sequence[float]]) -> float:
    """Return the mean over tasks of the mean over seeds."""
    return float(np.mean([np.mean(values) for values in strata]))


def stratified_t_interval(
    strata: Sequence[Sequence[float]], level: float = 0.95
) -> Interval | None:
    r"""Return the t interval of the stratified mean; None if a task has fewer than two seeds.

    $$\frac1T \sum_k \bar x_k \pm t_\nu \frac1T \sqrt{\sum_k s_k^2 / n_k}$$
    with Welch's and Satterthwaite's degrees of freedom.

    Args:
        strata: for each task, one finite number per seed.
        level: confidence level, between 0 and 1.

    Reference:
        Satterthwaite, "An approximate distribution of estimates of variance components",
        Biometrics Bulletin 2 (1946), doi:10.2307/3002019
    """
    from scipy.special import stdtrit

    if not strata or any(len(values) < 2 for values in strata):
        return None
    parts = np.array([np.var(values, ddof=1) / len(values) for values in strata])
    mean = stratified_mean(strata)
    name = "Welch-Satterthwaite t, stratified by task"
    total = float(parts.sum())
    if total == 0:
        return Interval(mean, mean, level, name)
    freedom = total**2 / float(sum(p**2 / (len(v) - 1) for p, v in zip(parts, strata, strict=True)))
    half = float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(total) / len(strata)
    return Interval(mean - half, mean + half, level, name)


MIN_TASKS = 5
"""Fewest tasks for a critical difference; with fewer, ranks take too few values."""

MIN_VARIANTS = 3
"""Fewest variants for a ranking; two variants are compared by their pairs."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Average ranks (1 is best), Friedman's test, and Nemenyi's critical difference.

    ``critical_difference`` and the p value are None with fewer than five tasks or three variants.
    """

    names: tuple[str, ...]
    ranks: tuple[float, ...]
    tasks: int
    chi_square: float | None
    p: float | None
    critical_difference: float | None
    level: float


def rank_variants(
    names: Sequence[str], scores: Sequence[Sequence[float]], sign: Sequence[int], alpha: float
) -> Ranking:
    r"""Rank variants within each task, and test whether they differ by Friedman's test.

    Nemenyi's critical difference of mean ranks is

    $$\mathrm{CD} = q_\alpha \sqrt{k (k + 1) / (6 N)}$$
    for $k$ variants on $N$ tasks, with $q_\alpha$ the studentized range divided by $\sqrt 2$. With
    fewer than five tasks or three variants, there is neither a test nor a critical difference.

    Args:
        names: the variants.
        scores: ``tasks x variants``; infinite if a variant diverged.
        sign: for each task +1 if larger is better, -1 if smaller is better.
        alpha: level of Nemenyi's test.

    Reference:
        Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006)
        1-30
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    table = np.array([[-s * v for v in row] for s, row in zip(sign, scores, strict=True)])
    ranked = np.array([rankdata(row) for row in table])
    tasks, count = ranked.shape
    ranks = tuple(float(r) for r in ranked.mean(axis=0))
    chi_square = p = difference = None
    if tasks >= MIN_TASKS and count >= MIN_VARIANTS:
        same = bool((ranked == ranked[:, :1]).all())
        test = None if same else friedmanchisquare(*ranked.T)
        chi_square, p = (0.0, 1.0) if test is None else (float(test.statistic), float(test.pvalue))
        q = float(studentized_range.ppf(1 - alpha, count, math.inf)) / math.sqrt(2)
        difference = q * math.sqrt(count * (count + 1) / (6 * tasks))
    return Ranking(tuple(names), ranks, tasks, chi_square, p, difference, 1 - alpha)
