"""The views of a comparison by name: what ``gatekit compare --draw`` offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.options import check, check_figure
from gatekit.faults import Fault, Kind, Place

from .chart import Chart
from .groups import forest, heatmap, scatter
from .over_training import curves
from .swept import swept


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of a chart besides its kind.

    Attributes:
        x: the swept key of ``axis``.
        over: the horizontal axis of ``curves``: ``epochs``, ``seconds``, ...
    """

    x: str | None = None
    over: str = "epochs"


def _axis(comparison: Comparison, asked: Asked) -> Chart | None:
    if asked.x is None:
        why = "the figure axis is drawn over a key that was swept"
        raise ConfigError(Fault(Kind.MISSING, Place(("x",)), why=why))
    return swept(comparison, asked.x)


_VIEWS: dict[str, Callable[[Comparison, Asked], Chart | None]] = {
    "curves": lambda comparison, asked: curves(comparison, asked.over),
    "axis": _axis,
    "forest": lambda comparison, _: forest(comparison),
    "heatmap": lambda comparison, _: heatmap(comparison),
    "scatter": lambda comparison, _: scatter(comparison),
}
_EMPTY = {
    "curves": "no run has a validation score",
    "forest": "no group has a seed in common with a baseline",
    "scatter": "no run has a size or a time",
}


def chart(kind: str, comparison: Comparison, asked: Asked) -> Chart:
    """Return a chart of a comparison.

    Args:
        kind: one of ``gatekit.compare.options.FIGURES``.
        comparison: the result of ``compare``.
        asked: what else is asked of the chart.

    Raises:
        ConfigError: the kind or the cost does not exist or does not fit the comparison, ``axis``
            lacks its key, or there is nothing to draw.
    """
    check_figure(kind)
    check(over=asked.over)
    drawn = _VIEWS[kind](comparison, asked)
    if drawn is None:
        why = "no run has an outcome" if comparison.exit_code else _EMPTY.get(kind, "no group")
        raise ConfigError(f"the figure {kind} has nothing to draw: {why}")
    return drawn
