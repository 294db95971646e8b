"""Statistics against SciPy and against examples that were published with their numbers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from gatekit.compare.stats.statistics import (
    bootstrap_interval,
    effect_size,
    holm,
    interquartile_mean,
    mean_interval,
    paired_test,
    probability_of_improvement,
)

# Cushny and Peebles' sleep data, which Student analysed in 1908: hours gained, drug 2 minus drug 1.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
# Darwin's maize, crossed minus self-fertilised, in eighths of an inch: Fisher 1935, section 21.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


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


@pytest.mark.parametrize("values", [[], [8.65]])
def test_one_value_has_no_interval(values: list[float]) -> None:
    assert mean_interval(values) is None
    assert effect_size(values) is None


def test_the_t_interval_of_three_covers_what_it_says() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(size=3).tolist()) for _ in range(4000)]
    covered = np.mean([i is not None and i.low <= 0 <= i.high for i in intervals])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_the_bootstrap_starts_at_ten_and_repeats() -> None:
    values = np.random.default_rng(1).normal(8.6, 0.1, 12).tolist()
    assert bootstrap_interval(values[:9]) is None
    first = bootstrap_interval(values)
    assert first is not None
    assert first == bootstrap_interval(values)
    assert first.method == "BCa bootstrap"
    assert first.low < np.mean(values) < first.high
    expected = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=50_000, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert (first.low, first.high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_values_without_spread_are_not_resampled() -> None:
    assert bootstrap_interval([8.6] * 12) is None


def test_fishers_exact_permutation_of_darwins_maize() -> None:
    found = paired_test(MAIZE)
    assert found is not None
    assert found.p == 1726 / 32768
    assert found.test == "exact sign-flip permutation"
    assert found.smallest_p == 2 / 2**15


def test_the_paired_t_test_of_the_sleep_data() -> None:
    found = paired_test(SLEEP)
    assert found is not None
    assert found.p_t == pytest.approx(0.00283289, abs=1e-8)


@pytest.mark.parametrize("n", [5, 6, 8, 11])
def test_the_permutation_test_is_scipys(n: int) -> None:
    d = np.random.default_rng(n).normal(0.5, 1, n)
    expected = scipy.stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    found = paired_test(d.tolist())
    assert found is not None
    assert found.p == pytest.approx(expected, rel=1e-12)


def test_seventeen_pairs_take_wilcoxons_test() -> None:
    d = np.random.default_rng(3).normal(0.5, 1, 17)
    found = paired_test(d.tolist())
    assert found is not None
    assert found.test == "Wilcoxon signed-rank"
    assert found.p == pytest.approx(scipy.stats.wilcoxon(d).pvalue, rel=1e-12)


def test_four_pairs_get_no_p_value_and_five_can_reach_one_sixteenth() -> None:
    assert paired_test([0.1, 0.2, 0.3, 0.4]) is None
    found = paired_test([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found is not None
    assert found.p == found.smallest_p == 0.0625


def test_equal_sums_count_as_equal_though_their_last_bits_differ() -> None:
    found = paired_test([0.1, 0.1, 0.1, 0.1, 0.1, -0.1])
    assert found is not None
    assert found.p == 14 / 64


def test_no_difference_at_all_has_p_one() -> None:
    found = paired_test([0.0] * 6)
    assert found is not None
    assert found.p == 1.0
    assert found.p_t is None


def test_a_diverged_run_is_the_worst_rank() -> None:
    found = paired_test([np.inf, 0.3, 0.2, -0.1, np.inf, 0.5])
    assert found is not None
    assert found.test == "exact signed-rank"
    assert found.p == 4 / 64
    assert found.p_t is None
    expected = scipy.stats.wilcoxon([90, 0.3, 0.2, -0.1, 91, 0.5]).pvalue
    assert found.p == pytest.approx(expected)


def test_many_pairs_with_diverged_runs_take_wilcoxons_test_of_the_ranks() -> None:
    d = [*np.random.default_rng(4).normal(0.2, 1, 18).tolist(), np.inf, -np.inf]
    found = paired_test(d)
    assert found is not None
    finite = [*d[:18], 99.0, -99.0]
    assert found.p == pytest.approx(scipy.stats.wilcoxon(finite).pvalue)


def test_the_effect_size_of_the_sleep_data() -> None:
    assert effect_size(SLEEP) == pytest.approx(1.2845577, abs=1e-6)


def test_equal_differences_have_no_effect_size() -> None:
    assert effect_size([8.6 - 8.5, 8.7 - 8.6, 8.8 - 8.7]) is None
    assert effect_size([0.1, np.inf, 0.2]) is None


def test_holms_correction() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 21])
def test_the_interquartile_mean_is_scipys_trimmed_mean(n: int) -> None:
    x = np.random.default_rng(n).normal(size=n)
    assert interquartile_mean(x.tolist()) == pytest.approx(scipy.stats.trim_mean(x, 0.25))


def test_the_interquartile_mean_bears_what_it_cuts_off() -> None:
    assert interquartile_mean([1.0, 2.0, 3.0, float("inf")]) == 2.5
    assert interquartile_mean([1.0, 2.0, float("inf"), float("inf")]) is None
    assert interquartile_mean([]) is None


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


def test_holm_is_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).uniform(0, 0.2, 9)
    assert holm(p.tolist()) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_intervals_widened_for_twenty_groups_rarely_find_what_is_not_there() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        baseline = rng.normal(size=3)
        for values in rng.normal(size=(20, 3)) - baseline:
            interval = mean_interval(values.tolist(), 1 - 0.05 / 20)
            if interval is not None and not interval.low <= 0 <= interval.high:
                wrong += 1
                break
    # Five in a hundred are allowed; three standard errors of 300 studies are 0.038.
    assert wrong / 300 < 0.05 + 0.038
