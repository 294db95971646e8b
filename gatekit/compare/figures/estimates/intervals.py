"""Draw the aggregates of normalised scores over all tasks as horizontal intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gatekit.compare.comparison import Comparison
from gatekit.compare.figures.page import no_scores, plottable, run_ids, shortened
from gatekit.compare.figures.style import look
from gatekit.compare.several import SeveralTasks, Variant, several_tasks
from gatekit.compare.stats.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _MARGIN = 0.24, 0.75

Aggregate = Callable[[Variant], tuple[float | None, Interval | None]]
_AGGREGATES: dict[str, Aggregate] = {
    "mean": lambda v: (v.mean, v.mean_interval),
    "interquartile mean": lambda v: (v.interquartile_mean, v.interquartile_interval),
    "optimality gap": lambda v: (v.optimality_gap, v.gap_interval),
}


def draw_intervals(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw mean, interquartile mean and optimality gap of each variant with their intervals.

    An aggregate without an interval, as of fewer than eight seeds per task, is a mark alone.

    Args:
        figure: the figure to draw on.
        comparison: a comparison over at least two tasks.

    Returns:
        The ids of the runs in the figure.

    Raises:
        ConfigError: there are fewer tasks, or no score can be normalised.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264, figure 9
    """
    several = several_tasks(comparison)
    if several is None or not several.normalised:
        raise no_scores("intervals over tasks need")
    tones = {row.group.variant: look(row.place).tone for row in comparison.rows}
    panels = figure.subplots(1, len(_AGGREGATES), sharey=True)
    for axes, (name, of) in zip(panels, _AGGREGATES.items(), strict=True):
        _draw(axes, several, name, of, tones)
    panels[0].set_yticks(
        range(len(several.variants)), [shortened(v.name) for v in several.variants]
    )
    panels[0].set_ylim(len(several.variants) - 0.4, -0.6)
    figure.supxlabel(
        plottable(f"normalised score (0 chance, 1 baseline; {len(several.normalised)} tasks)"),
        fontsize=7.5,
    )
    figure.set_figheight(_MARGIN + _ROW * len(several.variants))
    names = {variant.name for variant in several.variants}
    return run_ids([row for row in comparison.rows if row.group.variant in names])


def _draw(
    axes: Axes, several: SeveralTasks, name: str, of: Aggregate, tones: Mapping[str, str]
) -> None:
    from matplotlib.ticker import MaxNLocator

    for place, variant in enumerate(several.variants):
        tone = tones[variant.name]
        value, interval = of(variant)
        if value is None:
            continue
        if interval is not None:
            axes.barh(
                place,
                interval.high - interval.low,
                left=interval.low,
                height=0.6,
                color=tone,
                alpha=0.35,
                lw=0,
            )
        axes.plot([value, value], [place - 0.3, place + 0.3], color=tone, lw=1.6)
    axes.use_sticky_edges = False
    axes.margins(x=0.06)
    axes.set_title(name, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", visible=True)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
