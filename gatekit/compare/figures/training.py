"""Figures of the cost of training: time to a threshold, and the best of k trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatekit.compare.budget.reach import Reached, reach
from gatekit.compare.budget.trials import best_of_k
from gatekit.compare.comparison import Comparison
from gatekit.compare.curves import AXES

from .page import metric_label, of_one_metric, plottable, put_legend, run_ids
from .style import Style, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_survival(
    figure: Figure, comparison: Comparison, threshold: float, cost: str = "steps"
) -> list[str]:
    """Draw the share of runs that have reached a threshold, over the cost of training.

    The share is one minus the Kaplan-Meier estimate; a tick is a run that ended without reaching
    the threshold. The arguments are those of `reach`.

    Raises:
        ConfigError: the cost does not exist, or is unknown.
    """
    shown = {id(row) for row in of_one_metric(comparison.rows)}
    groups = [one for one in reach(comparison, threshold, cost) if id(one.row) in shown]
    if not groups:
        return []
    axes = figure.add_subplot()
    end = max(cost for one in groups for cost in one.costs)
    for one in groups:
        _draw_reached(axes, one, end, style_of(one.row.style_index))
    summary = groups[0].row.summary
    assert summary is not None
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0, end * 1.03)
    axes.set_xlabel(AXES[cost])
    axes.set_ylabel(plottable(f"share with {summary.metric.name} {threshold:g}"))
    put_legend(figure, axes)
    return run_ids([one.row for one in groups])


def _draw_reached(axes: Axes, one: Reached, end: float, style: Style) -> None:
    survival = one.survival
    x = [0.0, *survival.times, end]
    share = [0.0, *(1 - s for s in survival.share)]
    y = [*share, share[-1]]
    reached = f"{sum(one.observed)} of {len(one.costs)}"
    label = plottable(f"{one.row.group.label} ({reached})")
    axes.step(x, y, where="post", color=style.tone, ls=style.line, lw=1.3, label=label)
    missed = sorted({c for c, hit in zip(one.costs, one.observed, strict=True) if not hit})
    heights = [y[max(i for i, t in enumerate(x) if t <= cost)] for cost in missed]
    axes.plot(missed, heights, "|", color=style.tone, ms=6, mew=1)


def draw_best_of_k(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw the expected score of the best of k trials of each variant, with its interval as a band.

    Raises:
        ConfigError: the comparison has no tuned keys.
    """
    from matplotlib.ticker import MaxNLocator

    rows = of_one_metric(comparison.rows)
    by_row = {id(one.row): one for one in best_of_k(comparison)}
    drawn = [by_row[id(row)] for row in rows if id(row) in by_row]
    if not drawn:
        return []
    axes = figure.add_subplot()
    for one in drawn:
        style = style_of(one.row.style_index)
        k = range(1, one.trials + 1)
        if one.low is not None and one.high is not None:
            axes.fill_between(
                k[: len(one.low)], one.low, one.high, color=style.tone, alpha=0.15, lw=0
            )
        axes.plot(
            k,
            one.outcome,
            color=style.tone,
            ls=style.line,
            lw=1.3,
            marker=style.mark if one.trials <= 30 else "",
            ms=2.6,
            label=plottable(f"{one.row.group.label} ({one.trials} trials)"),
        )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("trials k")
    axes.set_ylabel(f"expected {metric_label(rows)}")
    put_legend(figure, axes)
    return run_ids([one.row for one in drawn])
