"""The decision rule against independent computations: SciPy, and sign flips counted in loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from seams import (
    FLIPS,
    PAIRED_T,
    RANK_FLIPS,
    RANKS,
    VECTORS,
    decide,
    holm,
    paired_t,
    sign_vectors,
    signed_ranks,
    step_down,
    within_margin,
)

from .calibration import NOISES

# Darwin's maize, crossed minus self-fertilised, in eighths of an inch: Fisher 1935, section 21.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
# Cushny and Peebles' sleep data, which Student analysed in 1908: hours gained, drug 2 minus drug 1.
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]


def table(groups: int, seeds: int, seed: int = 0, shift: float = 0.5) -> list[dict[int, float]]:
    rng = np.random.default_rng(seed)
    return [dict(enumerate((rng.normal(size=seeds) + shift * k).tolist())) for k in range(groups)]


def by_hand(rows: list[dict[int, float]]) -> list[float]:
    """Return the step-down max-T p values by plain loops over all 2 ** n sign vectors."""

    def t(values: list[float]) -> float:
        return abs(scipy.stats.ttest_1samp(values, 0.0).statistic)

    own = [t(list(row.values())) for row in rows]
    order = sorted(range(len(rows)), key=lambda k: -own[k])
    seeds = len(rows[0])
    counts = [0] * len(rows)
    for signs in itertools.product((1, -1), repeat=seeds):
        flipped = [t([s * v for s, v in zip(signs, row.values(), strict=True)]) for row in rows]
        for place, k in enumerate(order):
            counts[k] += max(flipped[j] for j in order[place:]) >= own[k] - 1e-9
    p = [0.0] * len(rows)
    largest = 0.0
    for k in order:
        largest = max(largest, counts[k] / 2**seeds)
        p[k] = largest
    return p


@pytest.mark.parametrize("groups", [1, 3])
def test_eight_seeds_are_flipped_together_and_stepped_down(groups: int) -> None:
    rows = table(groups, 8)
    tests = decide(rows)
    assert [t and t.test for t in tests] == [FLIPS] * groups
    assert [t and t.p for t in tests] == pytest.approx(by_hand(rows))


def test_one_group_has_fishers_exact_permutation_test() -> None:
    d = np.array(SLEEP)
    expected = scipy.stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    (actual,) = decide([dict(enumerate(SLEEP))])
    assert actual is not None
    assert actual.p == pytest.approx(expected)
    assert actual.smallest_p == 2**-9


def test_beyond_fourteen_seeds_the_draws_come_near_fishers_count_of_darwins_maize() -> None:
    (found,) = decide([dict(enumerate(MAIZE))])
    assert found is not None
    # Of 2 ** 15 sign vectors Fisher counts 1726; three standard errors of 8,192 draws are 0.0074.
    assert found.p == pytest.approx(1726 / 32768, abs=0.0074)
    assert found.smallest_p == 1 / VECTORS
    assert decide([dict(enumerate(MAIZE))]) == [found]


@pytest.mark.parametrize("groups", [1, 20])
def test_the_smallest_p_of_eight_seeds_does_not_depend_on_the_number_of_groups(
    groups: int,
) -> None:
    rng = np.random.default_rng(1)
    rows = [dict(enumerate(rng.normal(size=8).tolist())) for _ in range(groups - 1)]
    tests = decide([dict(enumerate([9.0, 9.1, 9.2, 9.3, 9.1, 9.0, 9.2, 9.1])), *rows])
    assert tests[0] is not None
    assert tests[0].p == tests[0].smallest_p == 2**-7


@pytest.mark.parametrize("seeds", [5, 7])
def test_five_to_seven_seeds_take_paired_t_tests_with_holm(seeds: int) -> None:
    rows = table(4, seeds)
    raw = [scipy.stats.ttest_1samp(list(row.values()), 0.0).pvalue for row in rows]
    tests = decide(rows)
    assert [t and t.test for t in tests] == [PAIRED_T] * 4
    ordered = sorted(raw)
    steps = [min(1.0, p * (4 - place)) for place, p in enumerate(ordered)]
    expected = [max(steps[: ordered.index(p) + 1]) for p in raw]
    assert [t and t.p for t in tests] == pytest.approx(expected)


def test_four_seeds_have_no_test() -> None:
    assert decide(table(3, 4)) == [None] * 3
    assert decide([]) == []


@pytest.mark.parametrize(("seeds", "p"), [(5, 1.0), (7, 1.0), (8, 2**-7)])
def test_equal_differences_decide_nothing_below_eight_seeds(seeds: int, p: float) -> None:
    (found,) = decide([dict.fromkeys(range(seeds), 0.05)])
    assert found is not None
    assert found.p == p


def test_no_difference_at_all_has_p_one() -> None:
    for seeds in (5, 8, 20):
        (found,) = decide([dict.fromkeys(range(seeds), 0.0)])
        assert found is not None
        assert found.p == 1.0


def test_equal_sums_count_as_equal_though_their_last_bits_differ() -> None:
    d = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.1]
    (found,) = decide([dict(enumerate(d))])
    assert found is not None
    assert found.p == 9 / 128


@pytest.mark.parametrize(
    ("d", "name"),
    [
        ([math.inf, 0.3, 0.2, -0.1, math.inf, 0.5], RANKS),
        ([math.inf, 0.3, 0.2, -0.1, math.inf, 0.5, -0.05, 0.9, 0.7], RANK_FLIPS),
    ],
)
def test_a_diverged_run_has_the_largest_rank(d: list[float], name: str) -> None:
    (found,) = decide([dict(enumerate(d))])
    assert found is not None
    assert found.test == name
    finite = [90.0 + i if math.isinf(v) else v for i, v in enumerate(d)]
    # Tied ranks of the two infinities have the same sum as two neighbouring ranks of one sign.
    assert found.p == pytest.approx(scipy.stats.wilcoxon(finite, method="exact").pvalue, abs=0.01)


def test_the_smallest_p_of_six_seeds_is_that_beside_the_other_groups() -> None:
    diverged = dict(enumerate([math.inf, 0.2, 0.1, 0.3, 0.5, 0.4]))
    clear = dict(enumerate([0.5, 0.52, 0.51, 0.49, 0.5, 0.48]))
    ((alone,), beside) = decide([diverged]), decide([diverged, clear, clear])
    assert alone is not None
    assert beside[0] is not None
    assert alone.p == alone.smallest_p == 2**-5
    # Holm multiplies by the number of groups that are not yet rejected, here one.
    assert beside[0].p == beside[0].smallest_p == 2**-5


def test_signed_ranks_share_ties_and_keep_zeros() -> None:
    d = np.array([0.0, -2.0, 2.0, math.inf, -math.inf, 1.0])
    assert signed_ranks(d).tolist() == [0.0, -2.5, 2.5, 4.5, -4.5, 1.0]


def test_kinds_of_different_seeds_share_the_level() -> None:
    few, many = table(2, 6, 1, 3.0), table(3, 9, 2, 3.0)
    tests = decide([*few, *many])
    alone = [*decide(few), *decide(many)]
    weights = [5 / 2] * 2 + [5 / 3] * 3
    expected = [min(1.0, w * (t.p if t else 1)) for w, t in zip(weights, alone, strict=True)]
    assert [t and t.p for t in tests] == pytest.approx(expected)
    assert {t and t.comparisons for t in tests} == {5}


def test_groups_that_lack_seeds_are_flipped_with_those_that_they_have() -> None:
    rows = table(2, 10, 3)
    del rows[1][4], rows[1][7]
    one, two = (t.p for t in decide(rows) if t is not None)
    assert decide([rows[1]])[0] is not None
    assert two >= decide([rows[1]])[0].p  # type: ignore[union-attr]
    assert one >= decide([rows[0]])[0].p  # type: ignore[union-attr]


def test_sign_vectors_are_all_up_to_a_common_sign() -> None:
    vectors = sign_vectors(5)
    assert vectors.shape == (16, 5)
    assert len({tuple(v) for v in vectors} | {tuple(-v) for v in vectors}) == 32
    assert sign_vectors(15).shape == (VECTORS, 15)
    assert (sign_vectors(15)[0] == 1).all()


def test_a_batch_of_studies_is_decided_like_each_of_them() -> None:
    d = np.random.default_rng(5).normal(size=(4, 9, 3))
    assert step_down(d) == pytest.approx(np.array([step_down(one) for one in d]))
    assert holm(paired_t(d)) == pytest.approx(np.array([holm(paired_t(one)) for one in d]))


def test_paired_t_is_scipys() -> None:
    d = np.random.default_rng(6).normal(size=(6, 5))
    assert paired_t(d) == pytest.approx(scipy.stats.ttest_1samp(d, 0.0, axis=0).pvalue)


def test_holms_correction() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("n", [10, 13])
def test_the_margin_takes_two_one_sided_t_tests(n: int) -> None:
    gain = np.random.default_rng(n).normal(-0.1, 0.2, n)
    lower = scipy.stats.ttest_1samp(gain, -0.5, alternative="greater").pvalue
    upper = scipy.stats.ttest_1samp(gain, 0.5, alternative="less").pvalue
    (found,) = within_margin([gain.tolist()], [0.5])
    assert found == pytest.approx((lower, max(lower, upper)))


def test_the_margin_is_corrected_by_holm_and_needs_ten_seeds() -> None:
    rng = np.random.default_rng(2)
    gains = [rng.normal(0, 0.2, 10).tolist() for _ in range(3)]
    alone = [within_margin([gain], [0.4])[0] for gain in gains]
    nine, infinite = rng.normal(0, 0.2, 9).tolist(), [math.inf, *rng.normal(0, 0.2, 9).tolist()]
    found = within_margin([*gains, nine, infinite], [0.4] * 5)
    assert found[3:] == [None, None]
    for kind in (0, 1):
        raw = np.array([p[kind] for p in alone if p])
        assert [p[kind] for p in found if p] == pytest.approx(holm(raw).tolist())


@pytest.mark.parametrize(("seeds", "p"), [(7, 1.0), (8, 2**-8)])
def test_equal_differences_are_equivalent_from_eight_seeds_on(seeds: int, p: float) -> None:
    assert within_margin([[0.0] * seeds], [0.1], fewest=5) == [(p, p)]
    assert within_margin([[-0.2] * seeds], [0.1], fewest=5) == [(1.0, 1.0)]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("groups", [1, 9])
def test_of_groups_at_the_margin_few_count_as_no_worse(noise: str, groups: int) -> None:
    rng = np.random.default_rng(4)
    runs = NOISES[noise](rng, (300, 10, groups + 1))
    gains = runs[..., 1:] - runs[..., :1] - 1.0
    wrong = [
        any(p is not None and p[0] < 0.05 for p in within_margin(study.T.tolist(), [1.0] * groups))
        for study in gains
    ]
    # Three standard errors of 300 studies are 0.038.
    assert np.mean(wrong) < 0.05 + 0.038
