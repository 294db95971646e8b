"""Draw the expected score of the best of k trials, one line per variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatekit.compare.budget.trials import best_of_k
from gatekit.compare.comparison import Comparison
from gatekit.compare.figures.page import metric_label, of_one_metric, put_legend, run_ids
from gatekit.compare.figures.page import plottable as shown
from gatekit.compare.figures.style import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_best_of_k(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw the expected score over k with its bootstrap interval as a band.

    Args:
        figure: the figure to draw on.
        comparison: a comparison with ``best_of``; only variants with the first one's metric are
            drawn.

    Returns:
        The ids of the runs in the figure.

    Raises:
        ConfigError: the comparison has no tuned keys.
    """
    from matplotlib.ticker import MaxNLocator

    rows = of_one_metric(comparison.rows)
    known = {id(one.row): one for one in best_of_k(comparison)}
    drawn = [known[id(row)] for row in rows if id(row) in known]
    if not drawn:
        return []
    axes = figure.add_subplot()
    for one in drawn:
        style = look(one.row.place)
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
            label=shown(f"{one.row.group.label} ({one.trials} trials)"),
        )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("trials k")
    axes.set_ylabel(f"expected {metric_label(rows)}")
    put_legend(figure, axes)
    return run_ids([one.row for one in drawn])
