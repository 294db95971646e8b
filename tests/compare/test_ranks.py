"""Ranks over tasks, against Demsar's published table and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from seams import rank_variants

# Demsar 2006, table 5: q of Nemenyi's test at 0.05 for 3 to 10 classifiers.
NEMENYI = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


def table(tasks: int, variants: int, seed: int = 0) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(tasks, variants)) + 0.5 * np.arange(variants)).tolist()


@pytest.mark.parametrize("count", NEMENYI)
def test_the_critical_difference_is_demsars(count: int) -> None:
    ranks = rank_variants([str(i) for i in range(count)], table(14, count), [1] * 14, 0.05)
    expected = NEMENYI[count] * math.sqrt(count * (count + 1) / (6 * 14))
    assert ranks.critical_difference == pytest.approx(expected, abs=0.002)


def test_friedmans_test_and_the_ranks_are_scipys() -> None:
    scores = table(9, 4)
    ranks = rank_variants(list("abcd"), scores, [-1] * 9, 0.05)
    expected = scipy.stats.friedmanchisquare(*np.array(scores).T)
    assert (ranks.chi_square, ranks.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert ranks.ranks == pytest.approx(scipy.stats.rankdata(scores, axis=1).mean(axis=0))


def test_the_best_has_rank_one_whichever_way_is_better() -> None:
    ranks = rank_variants(["a", "b"], [[0.9, 0.8], [1.0, 2.0]], [1, -1], 0.05)
    assert ranks.ranks == (1.0, 2.0)
    assert (ranks.p, ranks.critical_difference) == (None, None)


def test_diverged_variants_share_the_last_rank() -> None:
    worst = math.inf
    ranks = rank_variants(["a", "b", "c"], [[worst, 8.0, worst]] * 5, [-1] * 5, 0.05)
    assert ranks.ranks == (2.5, 1.0, 2.5)


def test_variants_that_are_all_equal_are_not_told_apart() -> None:
    ranks = rank_variants(["a", "b", "c"], [[1.0, 1.0, 1.0]] * 5, [-1] * 5, 0.05)
    assert (ranks.ranks, ranks.p) == ((2.0, 2.0, 2.0), 1.0)
