"""Numbers as a paper prints them: as many digits as their interval justifies."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gatekit.compare.stats.statistics import Interval


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without an exponent where it is short."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def p_value(p: float) -> str:
    """Return a p value as papers print it, with its relation: ``= 0.031`` or ``< 0.0001``."""
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


def decimals(interval: Interval | None, mean: float) -> int:
    """Return how many decimals show two significant digits of an interval's half width.

    Without a width, four significant digits of the mean.
    """
    half = 0.0 if interval is None else (interval.high - interval.low) / 2
    if half <= 1e-9 * abs(mean):
        half = abs(mean) / 100 or 0.01
    return min(8, max(0, 1 - math.floor(math.log10(half))))


def shared_decimals(pairs: Iterable[tuple[float, Interval | None]]) -> int:
    """Return the decimals for a column of means, so that its digits stand under each other."""
    return max((decimals(interval, mean) for mean, interval in pairs), default=0)


def with_interval(mean: float, interval: Interval | None, places: int, sign: str = "") -> str:
    """Return ``8.65 [8.61, 8.69]``, or the mean alone; ``sign`` is ``+`` to show it always."""
    text = f"{mean:{sign}z.{places}f}"
    if interval is None:
        return text
    return f"{text} [{interval.low:{sign}z.{places}f}, {interval.high:{sign}z.{places}f}]"
