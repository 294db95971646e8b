"""Numbers are printed with the digits that their interval justifies."""

from __future__ import annotations

import pytest
from seams import Interval, decimals, exact, p_value, shared_decimals, with_interval
from seams import numbers_number as number


def interval(low: float, high: float) -> Interval:
    return Interval(low, high, 0.95, "Student t")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (21.0, "21.0"), (8.104, "8.10"), (0.000123456, "0.000123"), (0.00001, "1.00e-05"),
     (123456.0, "123456"), (2.5e9, "2.50e+09"), (-0.3, "-0.300"), (412.0, "412"),
     (999.7, "1000"), (99.97, "100"), (-999.7, "-1000")],
)  # fmt: skip
def test_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "places"),
    [(8.61, 8.69, 3), (8.5, 8.9, 2), (0.001, 0.0012, 5), (-100, 100, 0), (8.6, 8.6, 3)],
)
def test_an_interval_shows_two_digits_of_its_half_width(
    low: float, high: float, places: int
) -> None:
    assert decimals(interval(low, high), (low + high) / 2) == places


def test_a_mean_without_interval_shows_four_digits() -> None:
    assert decimals(None, 8.6543) == 3
    assert shared_decimals([(8.65, interval(8.5, 8.9)), (8.65, interval(8.61, 8.69))]) == 3
    assert shared_decimals([]) == 0


def test_a_rounded_zero_has_no_minus() -> None:
    assert with_interval(-0.001, interval(-0.4, 0.4), 2, "+") == "+0.00 [-0.40, +0.40]"
    assert with_interval(8.654, None, 2) == "8.65"


def test_small_p_values_are_bounded() -> None:
    assert p_value(0.03125) == "= 0.031"
    assert p_value(1e-6) == "< 0.0001"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0499, "= 0.0499"), (0.049999, "= 0.049999"), (0.05, "= 0.05"), (0.0501, "= 0.05"),
     (0.0449, "= 0.045"), (1.0, "= 1")],
)  # fmt: skip
def test_a_p_value_below_the_level_is_printed_below_it(p: float, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(600.0, "600"), (1e12, "1e+12"), (1234567.0, "1234567"), (0.9123456, "0.9123456")],
)  # fmt: skip
def test_what_was_typed_keeps_its_digits(value: float, text: str) -> None:
    assert exact(value) == text
    assert float(text) == value
