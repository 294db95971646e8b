"""Format numbers as a paper prints them, with the digits that their interval justifies."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gatekit.compare.stats.statistics import Interval
from gatekit.runs.directions import DIRECTIONS, plain_name
from gatekit.runs.result import Metric

_SHARES = """
acc accuracy auc auprc auroc average_precision balanced_accuracy dice ece error_rate exact_match f1
f1_score hamming_loss iou jaccard macro_f1 map mean_average_precision micro_f1 mrr ndcg pr_auc
precision recall roc_auc sensitivity specificity success_rate top_1_accuracy top_5_accuracy
"""
_ANY = ("loss",)


def metric_range(metric: Metric, values: Iterable[float]) -> tuple[float, float]:
    """Return the smallest and the largest value that a metric can have.

    A well-known share, such as accuracy, is from 0 to 1, or to 100 if a value is above 1. Other
    well-known errors, such as mse, are not below 0. Any other metric, and one with a value outside
    its range, has no limits.

    Args:
        metric: the metric.
        values: values of it.
    """
    name = plain_name(metric.name)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    if low < 0:
        return -math.inf, math.inf
    if name in _SHARES.split():
        return 0.0, 1.0 if high <= 1 else 100.0 if high <= 100 else math.inf
    nonnegative = DIRECTIONS.get(name) == "min" and name not in _ANY
    return (0.0 if nonnegative else -math.inf), math.inf


def cut(interval: Interval, limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of an interval within limits."""
    low, high = limits
    return min(max(interval.low, low), high), max(min(interval.high, high), low)


def is_beyond(interval: Interval | None, limits: tuple[float, float]) -> bool:
    """Return whether an interval reaches beyond limits."""
    return interval is not None and (interval.low < limits[0] or interval.high > limits[1])


def number(value: float, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, without an exponent unless it is long."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def p_value(p: float) -> str:
    """Return a p value with its relation: ``= 0.031`` or ``< 0.0001``."""
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


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


def with_interval(mean: float, interval: Interval | None, places: int, sign: str = "") -> str:
    """Return ``8.65 [8.61, 8.69]``, or the mean alone; ``sign="+"`` always prints the sign."""
    text = f"{mean:{sign}z.{places}f}"
    if interval is None:
        return text
    return f"{text} [{interval.low:{sign}z.{places}f}, {interval.high:{sign}z.{places}f}]"
