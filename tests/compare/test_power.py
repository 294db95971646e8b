"""Power against published sample sizes and statsmodels."""

from __future__ import annotations

import pytest

from gatekit.compare.stats.power import power_of_paired_t, seeds_needed


@pytest.mark.parametrize(("effect", "expected"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_the_sample_sizes_of_gpower(effect: float, expected: int) -> None:
    # Small, medium and large effects at 0.05 and 0.8, as tabulated for G*Power's paired t test.
    assert seeds_needed(effect, 1, 0.05) == expected
    assert seeds_needed(-effect, 1, 0.05) == expected


@pytest.mark.parametrize("effect", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("pairs", [3, 10, 40])
def test_power_is_statsmodels(effect: float, pairs: int) -> None:
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    expected = power.power(effect, pairs, 0.01)
    assert power_of_paired_t(effect, pairs, 0.01) == pytest.approx(expected, abs=1e-6)


def test_the_exact_test_must_be_able_to_reach_the_level() -> None:
    # Of n pairs no p is below 2 ** (1 - n): 6 for 0.05, 8 for 0.05 / 3, however large the effect.
    assert [seeds_needed(50.0, count, 0.05) for count in (1, 3, 10)] == [6, 7, 9]


def test_no_effect_and_a_tiny_one_have_no_number() -> None:
    assert seeds_needed(None, 1, 0.05) is None
    assert seeds_needed(0.0, 1, 0.05) is None
    assert seeds_needed(0.001, 1, 0.05) is None
