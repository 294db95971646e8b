"""Statistics against SciPy and against examples that were published with their numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api
from seams import (
    ResultMetric,
    by_seed,
    effect_size,
    limits,
    mean_interval,
    of_seeds,
    probability_of_improvement,
    within_limits,
)

# Cushny and Peebles' sleep data, which Student analysed in 1908: hours gained, drug 2 minus drug 1.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]


def test_students_interval_of_his_own_data() -> None:
    interval = mean_interval(SLEEP)
    assert interval is not None
    assert interval.low == pytest.approx(0.7001142, abs=1e-7)
    assert interval.high == pytest.approx(2.4598858, abs=1e-7)
    assert interval.method == "Student t"


@pytest.mark.parametrize("n", [2, 3, 5, 9, 30])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_t_interval_is_scipys(n: int, level: float) -> None:
    x = np.random.default_rng(n).normal(8.6, 0.1, n)
    expected = scipy.stats.t.interval(level, n - 1, x.mean(), scipy.stats.sem(x))
    interval = mean_interval(x.tolist(), level)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("runs", [[1] * 6, [3] * 6, [1, 2, 3, 1, 4, 2]])
def test_runs_of_a_seed_count_as_one_cluster_as_in_statsmodels(runs: list[int]) -> None:
    """Pooled runs of a seed are not independent, so their error is that of the seeds."""
    rng = np.random.default_rng(sum(runs))
    seeds = np.repeat(np.arange(len(runs)), runs)
    x = rng.normal(8.6, 0.1, len(runs))[seeds] + rng.normal(0, 0.02, len(seeds))
    units = [(int(seed), str(place)) for place, seed in enumerate(seeds)]
    own = of_seeds(x.tolist(), units)
    assert len(own) == len(runs)
    assert np.mean(own) == pytest.approx(x.mean())
    model = statsmodels.api.OLS(x, np.ones_like(x))
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": seeds}, use_t=True)
    interval = mean_interval(own)
    assert interval is not None
    half = fitted.bse[0] * scipy.stats.t.ppf(0.975, len(runs) - 1)
    assert (interval.low, interval.high) == pytest.approx((x.mean() - half, x.mean() + half))
    assert of_seeds(x.tolist(), [None] * len(x)) == x.tolist()


@pytest.mark.parametrize("values", [[], [8.65]])
def test_one_value_has_no_interval(values: list[float]) -> None:
    assert mean_interval(values) is None
    assert effect_size(values) is None


def test_the_t_interval_of_three_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(size=3).tolist()) for _ in range(4000)]
    covered = np.mean([i is not None and i.low <= 0 <= i.high for i in intervals])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_the_effect_size_of_the_sleep_data() -> None:
    assert effect_size(SLEEP) == pytest.approx(1.2845577, abs=1e-6)


def test_equal_differences_have_no_effect_size() -> None:
    assert effect_size([8.6 - 8.5, 8.7 - 8.6, 8.8 - 8.7]) is None
    assert effect_size([0.1, np.inf, 0.2]) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_the_probability_of_improvement_is_mann_whitneys(sign: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 9, 11).tolist(), rng.integers(2, 9, 7).tolist()
    statistic = scipy.stats.mannwhitneyu(x, y).statistic / (11 * 7)
    expected = statistic if sign > 0 else 1 - statistic
    assert probability_of_improvement(x, y, sign) == pytest.approx(expected)


def test_a_diverged_run_never_improves() -> None:
    worst = float("inf")
    assert probability_of_improvement([worst, worst], [1.0, 2.0], -1) == 0.0
    assert probability_of_improvement([worst], [worst], -1) == 0.5
    assert probability_of_improvement([], [1.0], -1) is None


@pytest.mark.parametrize(
    ("name", "unit", "values", "expected"),
    [
        ("accuracy", "share of sequences", [0.5, 1.0], (0.0, 1.0)),
        ("accuracy", "%", [50.0, 99.0], (0.0, 100.0)),
        ("val_accuracy", "", [50.0, 99.0], (0.0, 100.0)),
        ("accuracy", "", [50.0, 101.0], (-math.inf, math.inf)),
        ("mse", "squared error", [-0.1], (-math.inf, math.inf)),
        ("mse", "squared error", [0.1, 0.2], (0.0, math.inf)),
        ("loss", "", [0.1], (-math.inf, math.inf)),
        ("nll", "nats/frame", [0.1, 0.2], (-math.inf, math.inf)),
        ("own score", "", [0.1], (-math.inf, math.inf)),
    ],
)
def test_a_metric_has_the_limits_of_its_kind(
    name: str, unit: str, values: list[float], expected: tuple[float, float]
) -> None:
    assert limits(ResultMetric(name, "max", unit, None), values) == expected


def test_an_interval_ends_at_the_limits() -> None:
    interval = mean_interval([0.9, 1.0, 0.7])
    assert interval is not None
    assert interval.high > 1
    cut = within_limits(interval, 0.0, 1.0)
    assert cut is not None
    assert (cut.low, cut.high) == (interval.low, 1.0)
    assert within_limits(None, 0.0, 1.0) is None


def test_a_run_without_a_seed_equals_no_other() -> None:
    """Else runs of two groups would be paired by their order."""
    ours, theirs = (by_seed([1.0, 2.0, 3.0], [None, (0, 8), None]) for _ in range(2))
    assert sorted(ours.values()) == [[1.0], [2.0], [3.0]]
    assert ours.keys() & theirs.keys() == {(0,)}
