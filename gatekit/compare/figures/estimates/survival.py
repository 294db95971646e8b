"""Draw the share of runs that have reached a threshold, over what training had cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatekit.compare.budget.reach import Reached, reach
from gatekit.compare.comparison import Comparison
from gatekit.compare.curves import AXES
from gatekit.compare.figures.page import of_one_metric, plottable, put_legend, run_ids
from gatekit.compare.figures.style import Look, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_survival(
    figure: Figure, comparison: Comparison, threshold: float, cost: str = "steps"
) -> list[str]:
    """Draw one minus the Kaplan-Meier estimate; a tick is a run that ended without reaching it.

    Args:
        figure: the figure to draw on.
        comparison: the comparison; only groups with the first group's metric are drawn.
        threshold: value of the validation metric.
        cost: ``steps``, ``seconds``, ``flops`` or ``epochs``.

    Returns:
        The ids of the runs in the figure.

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
        _draw(axes, one, end, look(one.row.place))
    metric = groups[0].row.summary
    assert metric is not None
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(0, end * 1.03)
    axes.set_xlabel(AXES[cost])
    axes.set_ylabel(plottable(f"share with {metric.metric.name} {threshold:g}"))
    put_legend(figure, axes)
    return run_ids([one.row for one in groups])


def _draw(axes: Axes, one: Reached, end: float, style: Look) -> None:
    known = one.survival
    x = [0.0, *known.times, end]
    share = [0.0, *(1 - s for s in known.share)]
    y = [*share, share[-1]]
    reached = f"{sum(one.observed)} of {len(one.costs)}"
    label = plottable(f"{one.row.group.label} ({reached})")
    axes.step(x, y, where="post", color=style.tone, ls=style.line, lw=1.3, label=label)
    missed = sorted({c for c, hit in zip(one.costs, one.observed, strict=True) if not hit})
    heights = [y[max(i for i, t in enumerate(x) if t <= cost)] for cost in missed]
    axes.plot(missed, heights, "|", color=style.tone, ms=6, mew=1)
