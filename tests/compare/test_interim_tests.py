"""The rule over several looks: sign vectors counted in loops, and what each look may spend."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from seams import (
    RANK_FLIPS,
    decide,
    decide_interim,
    first_interim,
    is_possible,
    next_interim,
    sign_vectors,
    spent,
)

from .calibration import MOST, NOISES, first_verdict, sizes

Table = list[dict[int, float]]


def table(d: np.ndarray) -> Table:
    return [dict(enumerate(column.tolist())) for column in d.T]


def drawn(seeds: int, groups: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(seeds, groups)) + shift


def by_hand(values: Sequence[float], at: Sequence[int], most: int) -> float:
    """Return the p value of the last look at one group, by loops over all 2 ** n sign vectors."""
    vectors = list(itertools.product((1, -1), repeat=at[-1]))

    def t(signs: Sequence[int], n: int) -> float:
        flipped = [s * v for s, v in zip(signs[:n], values[:n], strict=True)]
        return abs(statistics.fmean(flipped)) / statistics.stdev(flipped)

    rejected: set[tuple[int, ...]] = set()
    for n in at[:-1]:
        found = {signs: t(signs, n) for signs in vectors}
        best: set[tuple[int, ...]] = set()
        for bar in sorted(set(found.values()), reverse=True):
            tried = {signs for signs in vectors if found[signs] >= bar - 1e-9}
            if len(rejected | tried) >= spent(n / most) * len(vectors):
                break
            best = tried
        rejected |= best
    own = t((1,) * at[-1], at[-1])
    return sum(s in rejected or t(s, at[-1]) >= own - 1e-9 for s in vectors) / len(vectors)


def test_the_level_is_spent_as_lan_and_demets_tabulate() -> None:
    # O'Brien-Fleming type, two-sided 5 %: their bounds are -z of half the spent level.
    assert [round(spent(t), 5) for t in (0.2, 0.4, 0.6, 0.8, 1.0)] == [
        0.00001,
        0.00194,
        0.0114,
        0.02843,
        0.05,
    ]


@pytest.mark.parametrize(("most", "first"), [(8, 8), (10, 8), (20, 10), (40, 13), (100, 27)])
def test_no_look_is_where_nothing_can_be_decided(most: int, first: int) -> None:
    assert first_interim(most) == first
    assert not is_possible(first - 1, most)
    equal = [dict.fromkeys(range(first), 0.1)]
    (found,) = decide_interim(equal, [first], most)
    assert found is not None
    assert found.decides


def test_the_next_look_is_a_step_away_and_the_last_at_the_most_seeds() -> None:
    assert sizes() == [10, 12, 14, 16, 18, 20]
    assert next_interim(None, 12, 20) == 12
    assert next_interim(12, 0, 20, 5) == 17
    assert next_interim(17, 0, 20, 5) == 20
    assert next_interim(20, 0, 20) is None


@pytest.mark.parametrize("seed", [0, 6, 19, 33])
def test_looks_count_the_sign_vectors_that_earlier_looks_rejected(seed: int) -> None:
    d = drawn(9, 1, seed, 0.6)
    (found,) = decide_interim(table(d), [8, 9], 9)
    assert found is not None
    assert found.interim is not None
    at = [8, 9][: found.interim.number]
    assert found.p == pytest.approx(by_hand(d[:, 0].tolist(), at, 9))
    # Earlier rejections are counted, so p is larger than without looks; one verdict is lost.
    (alone,) = decide(table(d[: at[-1]]))
    assert alone is not None
    assert found.p > alone.p or seed == 0
    assert (found.decides, alone.decides) == {
        0: (True, True),
        6: (True, True),
        19: (False, True),
        33: (True, True),
    }[seed]


@pytest.mark.parametrize("seeds", [8, 13, 20])
def test_one_look_at_the_most_seeds_is_the_rule_without_looks(seeds: int) -> None:
    d = drawn(seeds, 5, 3, 0.5)
    d[2, 1] = math.inf
    tests, alone = decide_interim(table(d), [seeds], seeds), decide(table(d))
    assert [t and t.p for t in tests] == [t and t.p for t in alone]
    assert [t and t.test for t in tests] == [t and t.test for t in alone]
    assert tests[1] is not None
    assert tests[1].test == RANK_FLIPS


def test_what_a_look_has_decided_stays_decided() -> None:
    d = drawn(20, 2, 4)
    d[:10, 0] += 3.0
    d[10:, 0] -= 6.0
    found = [decide_interim(table(d), sizes()[:k], MOST) for k in range(1, 7)]
    assert found[0][0] is not None
    assert found[0][0].decides
    assert {row[0] for row in found} == {found[0][0]}
    # Its direction is that of the look, although the mean of all seeds has the other sign.
    assert found[0][0].interim is not None
    assert found[0][0].interim.sign == 1
    assert d[:, 0].mean() < 0


def test_a_look_does_not_depend_on_later_seeds() -> None:
    d = drawn(20, 3, 5, 0.4)
    assert decide_interim(table(d), [10, 14], 20) == decide_interim(table(d[:14]), [10, 14], 20)


def test_the_vectors_of_fewer_seeds_are_the_beginnings_of_those_of_more() -> None:
    assert (sign_vectors(20)[:, :17] == sign_vectors(17)).all()
    beginnings, counts = np.unique(sign_vectors(17)[:, :10], axis=0, return_counts=True)
    assert len(beginnings) == 2**10
    assert set(counts) == {8}


def test_groups_with_few_seeds_have_no_test_and_those_that_lack_some_have_one() -> None:
    rows = table(drawn(12, 3, 6, 1.0))
    rows[1] = {seed: rows[1][seed] for seed in range(7)}
    del rows[2][3]
    few, none, lacking = decide_interim(rows, [10, 12], 12)
    assert none is None
    assert few is not None
    assert lacking is not None
    assert few.comparisons == lacking.comparisons == 2


@pytest.mark.parametrize("noise", NOISES)
def test_the_simulated_procedure_is_that_of_the_rule(noise: str) -> None:
    runs = NOISES[noise](np.random.default_rng(8), (6, MOST, 4))
    # With a shift some studies decide early, some late, some never.
    shift = np.linspace(0.0, 2.0, 6)[:, None, None] * runs.std()
    for d in runs[..., 1:] - runs[..., :1] + shift:
        tests = [test for test in decide_interim(table(d), sizes(), MOST) if test is not None]
        decided = [test.interim.seeds for test in tests if test.decides and test.interim]
        assert first_verdict(d) == min(decided, default=None)


def test_runs_that_both_diverge_later_do_not_change_an_earlier_look() -> None:
    d = table(drawn(12, 2, 5, shift=0.4))
    d[0][11] = 0.0
    for at in ([10], [10, 12]):
        plain, ranked = decide_interim(d, at, 12), decide_interim(d, at, 12, [{11}, ()])
        assert plain[1] is not None
        assert ranked[0] is not None
        assert (ranked[0].test == RANK_FLIPS) == (at == [10, 12])
        if at == [10]:
            assert ranked == plain
