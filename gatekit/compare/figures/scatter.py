"""Draw the metric against the cost of a variant: parameters, state, FLOPs and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.output.table_cells import count_text
from gatekit.runs.result import Result

from .page import (
    metric_label,
    of_one_metric,
    plottable,
    put_legend,
    run_ids,
    shown_rows,
    spans_decades,
)
from .style import Style, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMED = 6
_BUDGETS: tuple[tuple[str, str, Callable[[Result], float | None]], ...] = (
    ("state", "numbers of state", lambda result: result.state_size),
    ("flops", "FLOPs per token", lambda result: result.token_flops),
)


def draw_scatter(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw each completed run's metric over its parameters and over its time per training step.

    The state size and the FLOPs per token are drawn, too, if ``match`` equalised them. Small marks
    are runs and large marks are the means of groups, without diverged runs. With more than six
    groups, only the best six, the baseline and decided groups are coloured.
    """
    rows = of_one_metric(comparison.rows)
    budgets = {row.group.budget for row in rows}
    costs: list[tuple[str, Callable[[Result], float | None]]] = [
        ("parameters", lambda result: result.parameters),
        *((title, cost) for budget, title, cost in _BUDGETS if budget in budgets),
        ("ms per training step", _milliseconds),
    ]
    shown = [(name, cost) for name, cost in costs if any(_points(row, cost) for row in rows)]
    if not shown:
        return []
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    coloured = shown_rows(rows, _MOST_NAMED)
    grey = [row for row in rows if not any(row is other for other in coloured)]
    for axes, (name, cost) in zip(panels, shown, strict=True):
        for x, y in (point for row in grey for point in _points(row, cost)):
            axes.plot(x, y, ".", color="#BBBBBB", ms=3, mew=0, zorder=1)
        for row in coloured:
            _draw_group(axes, row, cost, style_of(row.style_index))
        _scale(axes, rows, cost)
        # Three or more panels are too narrow for a long name in one line.
        axes.set_xlabel(name if len(shown) < 3 else name.replace(" ", "\n", 1))
    panels[0].set_ylabel(metric_label(rows))
    total = f"{len(coloured)} of {len(rows)} groups" if len(rows) > len(coloured) else None
    put_legend(figure, panels[0], total)
    return run_ids(rows)


def _milliseconds(result: Result) -> float | None:
    return None if result.step_seconds is None else 1000 * result.step_seconds


def _points(row: Row, cost: Callable[[Result], float | None]) -> list[tuple[float, float]]:
    points = []
    for result in row.group.results:
        if result.state == "COMPLETED" and (x := cost(result)) is not None:
            points.append((x, result.outcome))
    return points


def _draw_group(axes: Axes, row: Row, cost: Callable[[Result], float | None], style: Style) -> None:
    tone, mark = style.tone, style.mark
    points = _points(row, cost)
    label = plottable(f"{row.group.label} (n = {count_text(row)})")
    if not points:
        return
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, mark, color=tone, ms=2.2, alpha=0.45, mew=0, zorder=2)
    axes.plot(
        sum(xs) / len(xs),
        sum(ys) / len(ys),
        mark,
        color=tone,
        ms=4.6,
        mec="white",
        mew=0.6,
        zorder=3,
        label=label,
    )


def _scale(axes: Axes, rows: list[Row], cost: Callable[[Result], float | None]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    points = [point for row in rows for point in _points(row, cost)]
    xs, ys = zip(*points, strict=True)
    if spans_decades(xs):
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(_count))
        if min(xs) == max(xs):
            axes.set_xlim(0.8 * xs[0], 1.2 * xs[0])
    if spans_decades(ys):
        axes.set_yscale("log")
    axes.grid(axis="x", visible=True)


def _count(value: float, _: int | None = None) -> str:
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
