"""The number of seeds that is recommended, against the rule itself on simulated studies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from seams import (
    ALPHA,
    MIN_FLIPS,
    MIN_SEEDS,
    MOST_SEEDS,
    POWER,
    bar,
    holm,
    paired_t,
    power,
    seeds_needed,
    step_down,
)


def simulated(effect: float, seeds: int, comparisons: int, studies: int) -> float:
    """Return how often the rule finds one group that differs among groups that do not."""
    rng = np.random.default_rng(1)
    runs = rng.normal(size=(studies, seeds, comparisons + 1))
    d = runs[..., 1:] - runs[..., :1]
    d[..., 0] += effect * np.sqrt(2)
    p = holm(paired_t(d)) if seeds < MIN_FLIPS else step_down(d)
    return float((p[..., 0] < ALPHA).mean())


@pytest.mark.parametrize(("effect", "comparisons"), [(2.0, 1), (1.2, 1), (1.2, 9), (0.9, 4)])
def test_the_recommended_seeds_decide_in_four_of_five_studies(
    effect: float, comparisons: int
) -> None:
    seeds = seeds_needed(effect, comparisons)
    assert seeds is not None
    assert seeds_needed(-effect, comparisons) == seeds
    # Three standard errors of 400 studies are 0.06.
    assert simulated(effect, seeds, comparisons, 400) > POWER - 0.06
    if seeds > MIN_SEEDS:
        assert simulated(effect, seeds - 1, comparisons, 400) < POWER + 0.06


@pytest.mark.parametrize(("effect", "expected"), [(0.2, 199), (0.5, 34)])
def test_one_comparison_of_many_seeds_needs_what_a_paired_t_test_needs(
    effect: float, expected: int
) -> None:
    # G*Power's sample sizes of the paired t test at 0.05 and 0.8.
    assert seeds_needed(effect, 1) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("seeds", [5, 7])
def test_below_eight_seeds_the_bar_is_students_with_bonferroni(seeds: int) -> None:
    assert bar(seeds, 4) == pytest.approx(scipy.stats.t.ppf(1 - ALPHA / 8, seeds - 1))


@pytest.mark.parametrize(("seeds", "comparisons"), [(14, 9), (20, 19)])
def test_from_eight_seeds_on_the_bar_is_that_of_joint_flips(seeds: int, comparisons: int) -> None:
    # A baseline that all comparisons share makes them need less than as many independent ones.
    student = scipy.stats.t.ppf(1 - ALPHA / comparisons / 2, seeds - 1)
    assert 0.9 * student < bar(seeds, comparisons) < 0.96 * student


@pytest.mark.parametrize("comparisons", [1, 9, 19])
def test_more_seeds_never_find_less(comparisons: int) -> None:
    found = [power(1.0, seeds, comparisons) for seeds in range(5, 40)]
    assert all(later >= earlier - 0.005 for earlier, later in itertools.pairwise(found))
    assert found[-1] > 0.95


def test_no_verdict_needs_fewer_than_five_seeds() -> None:
    assert seeds_needed(50.0, 1) == 5


def test_no_effect_and_a_tiny_one_have_no_number() -> None:
    assert seeds_needed(None, 1) is None
    assert seeds_needed(0.0, 1) is None
    assert seeds_needed(0.001, 1) is None
    assert power(0.001, MOST_SEEDS, 1) < 0.1
