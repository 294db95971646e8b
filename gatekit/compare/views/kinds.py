"""The views of a comparison by name: what ``gatekit compare --draw`` offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.options import check, check_figure
from gatekit.faults import Fault, Kind, Place, Set

from .chart import Chart
from .groups import forest, heatmap, pairs, scatter
from .over_tasks import critical_difference, intervals, profile
from .over_training import compute, curves, survival, tuned
from .swept import swept


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of a chart besides its kind.

    Attributes:
        x: the swept key of ``axis``.
        over: the horizontal axis of ``curves`` and ``survival``: ``epochs``, ``seconds``,
            ``steps``, ``tokens`` or ``flops``.
        reach: the threshold of ``survival``.
    """

    x: str | None = None
    over: str = "epochs"
    reach: float | None = None


def _axis(comparison: Comparison, asked: Asked) -> Chart | None:
    if asked.x is None:
        why = "the figure axis is drawn over a key that was swept"
        raise ConfigError(Fault(Kind.MISSING, Place(("x",)), why=why))
    return swept(comparison, asked.x)


def _survival(comparison: Comparison, asked: Asked) -> Chart | None:
    if asked.reach is None:
        at, why = Place(("reach",)), "the figure survival has a threshold of the metric"
        raise ConfigError(Fault(Kind.MISSING, at, why=why, fixes=(Set(at, 0.9),)))
    return survival(comparison, asked.reach, asked.over)


_VIEWS: dict[str, Callable[[Comparison, Asked], Chart | None]] = {
    "curves": lambda comparison, asked: curves(comparison, asked.over),
    "axis": _axis,
    "forest": lambda comparison, _: forest(comparison),
    "heatmap": lambda comparison, _: heatmap(comparison),
    "scatter": lambda comparison, _: scatter(comparison),
    "critical": lambda comparison, _: critical_difference(comparison),
    "profile": lambda comparison, _: profile(comparison),
    "intervals": lambda comparison, _: intervals(comparison),
    "best-of-k": lambda comparison, _: tuned(comparison),
    "survival": _survival,
    "pairs": lambda comparison, _: pairs(comparison),
    "compute": lambda comparison, _: compute(comparison),
}


def chart(kind: str, comparison: Comparison, asked: Asked) -> Chart | None:
    """Return a chart of a comparison; None if there is nothing to draw.

    Args:
        kind: one of ``gatekit.compare.options.FIGURES``.
        comparison: the result of ``compare``.
        asked: what else is asked of the chart.

    Raises:
        ConfigError: the kind or the cost does not exist or does not fit the comparison, ``axis``
            lacks its key, or ``survival`` lacks its threshold.
    """
    check_figure(kind)
    check(over=asked.over, reach=asked.reach)
    return _VIEWS[kind](comparison, asked)
