"""Where the variance comes from: the spread over seeds of runs with ``vary=init|order|data``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import number
from gatekit.compare.stats.intervals import Interval
from gatekit.compare.views.table import Table

from .comparison import Comparison
from .rows import picked

VARY = "vary"
_ALL = "all"


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """The spread over seeds of a group in which the seed varied one part of training.

    Attributes:
        group: label of the group without ``vary``.
        vary: the part: ``init``, ``order`` or ``data``; ``all`` if nothing was fixed.
        n: number of runs.
        deviation: standard deviation over the runs; None if a run diverged, or with one run.
        interval: confidence interval of ``deviation``, for normal noise.
        metric: name of the metric.
    """

    group: str
    vary: str
    n: int
    deviation: float | None
    interval: Interval | None
    metric: str


def sources(comparison: Comparison) -> tuple[SeedSpread, ...]:
    """Return the spread for each group and part that its seed varied; empty without ``vary``."""
    spreads = []
    for row in comparison.rows:
        values = dict(row.group.values)
        if VARY not in values or row.summary is None:
            continue
        vary = str(values.pop(VARY) or _ALL)
        n, deviation = row.summary.n, row.summary.standard_deviation
        interval = _interval(deviation, n, comparison.level) if deviation is not None else None
        label = row.group.part(values, row.group.fallback)
        spreads.append(SeedSpread(label, vary, n, deviation, interval, row.summary.metric.name))
    return tuple(sorted(spreads, key=lambda one: (one.group, one.vary != _ALL, one.vary)))


def _interval(deviation: float, n: int, level: float) -> Interval:
    r"""Return the interval of a standard deviation, $s \sqrt{(n - 1) / \chi^2_{n - 1}}$."""
    from scipy.special import chdtri

    # chdtri takes the probability of the upper tail.
    high, low = (float(chdtri(n - 1, p)) for p in ((1 - level) / 2, (1 + level) / 2))
    least, most = (deviation * math.sqrt((n - 1) / quantile) for quantile in (high, low))
    return Interval(least, most, level, "chi-squared, for normal noise")


def sources_table(spreads: Sequence[SeedSpread]) -> Table:
    """Return a row for each spread."""
    rows = [
        (
            printable(one.group),
            one.vary,
            str(one.n),
            "-" if one.deviation is None else number(one.deviation),
            ""
            if one.interval is None
            else f"{number(one.interval.low)} to {number(one.interval.high)}",
        )
        for one in spreads
    ]
    title = f"standard deviation of {_metric(spreads)} over seeds, by what the seed varies"
    level = next((one.interval.level for one in spreads if one.interval), 0.95)
    note = (
        f"{100 * level:g} % intervals for normal noise; if the effects of the parts add up,"
        " their variances sum to the variance of `all`"
    )
    return Table(title, ("group", "vary", "n", "sd", "interval"), tuple(rows), notes=(note,))


def sources_records(spreads: Sequence[SeedSpread]) -> list[dict[str, object]]:
    """Return the spreads as plain data."""
    columns = "group vary n standard_deviation=deviation low=interval.low high=interval.high metric"
    return [picked(one, columns) for one in spreads]


def _metric(spreads: Sequence[SeedSpread]) -> str:
    names = {one.metric for one in spreads}
    return names.pop() if len(names) == 1 else "the metric"
