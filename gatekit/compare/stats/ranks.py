"""Rank variants over several tasks: average ranks, Friedman's test, critical difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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

    def cliques(self) -> list[tuple[int, int]]:
        """Return the longest sequences of neighbours by rank that do not differ significantly.

        Returns:
            First and last position in the order of the ranks, for each sequence of at least two.
        """
        if self.critical_difference is None:
            return []
        ordered = sorted(self.ranks)
        spans: list[tuple[int, int]] = []
        for first, rank in enumerate(ordered):
            last = max(i for i, r in enumerate(ordered) if r - rank <= self.critical_difference)
            if last > first and (not spans or last > spans[-1][1]):
                spans.append((first, last))
        return spans


def rank_variants(
    names: Sequence[str], scores: Sequence[Sequence[float]], sign: Sequence[int], alpha: float
) -> Ranking:
    r"""Rank variants within each task and test whether they differ.

    $$\mathrm{CD} = q_\alpha \sqrt{k (k + 1) / (6 N)}$$
    for $k$ variants on $N$ tasks.

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
