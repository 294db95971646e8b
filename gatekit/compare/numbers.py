"""Format numbers as a paper prints them, with the digits that their interval justifies."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

from gatekit.compare.stats.intervals import Interval
from gatekit.compare.stats.paired_tests import ALPHA


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number; a boolean is not one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def count_of(count: int, what: str) -> str:
    """Return a count with its noun: ``1 run``, ``2 runs``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def number(value: float, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits; only extreme ones have an exponent."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    rounded = abs(float(f"{value:.{digits - 1}e}"))
    if rounded >= 10**digits:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def exact(value: float) -> str:
    """Return a number that was typed, such as a budget, with all of its digits."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value).removesuffix(".0")


def p_value(p: float) -> str:
    """Return a p value with its relation: ``= 0.031`` or ``< 0.0001``.

    It has two digits, or as many as are needed to show on which side of 0.05 it is.
    """
    if p < 1e-4:
        return "< 0.0001"
    texts = (f"{p:.{digits}g}" for digits in range(2, 17))
    return f"= {next((t for t in texts if (float(t) < ALPHA) == (p < ALPHA)), repr(p))}"


def decimals(interval: Interval | None, mean: float) -> int:
    """Return the number of decimals that shows two significant digits of an interval's half width.

    Without a width, it shows four significant digits of the mean.
    """
    half = 0.0 if interval is None else (interval.high - interval.low) / 2
    if half <= 1e-9 * abs(mean):
        half = abs(mean) / 100 or 0.01
    return min(8, max(0, 1 - math.floor(math.log10(half))))


def shared_decimals(pairs: Iterable[tuple[float, Interval | None]]) -> int:
    """Return the number of decimals for a column of means, so that its digits align."""
    return max((decimals(interval, mean) for mean, interval in pairs), default=0)


def with_own_decimals(mean: float, interval: Interval | None, sign: str = "") -> str:
    """Return `with_interval` with the decimals that the interval justifies."""
    return with_interval(mean, interval, decimals(interval, mean), sign)


def with_interval(mean: float, interval: Interval | None, places: int, sign: str = "") -> str:
    """Return ``8.65 [8.61, 8.69]``, or the mean alone; ``sign="+"`` always prints the sign."""
    text = f"{mean:{sign}z.{places}f}"
    if interval is None:
        return text
    return f"{text} [{interval.low:{sign}z.{places}f}, {interval.high:{sign}z.{places}f}]"
