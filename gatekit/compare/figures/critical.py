"""Draw the critical-difference diagram: average ranks over tasks, with bars over ties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.several import several_tasks
from gatekit.compare.stats.ranks import MIN_TASKS, MIN_VARIANTS, Ranking

from .page import run_ids, shortened
from .style import BASELINE, GREY, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _TOP = 0.15, -4.1


def draw_critical_difference(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw average ranks, best left; bars join variants that Nemenyi's test does not separate.

    Args:
        figure: the figure to draw on.
        comparison: a comparison over at least five tasks of at least three variants.

    Returns:
        The ids of the runs in the figure.

    Raises:
        ConfigError: there are fewer tasks or variants.

    Reference:
        Demsar, JMLR 7 (2006) 1-30
    """
    several = several_tasks(comparison)
    if several is None or several.ranking.critical_difference is None:
        tasks = 0 if several is None else len(several.tasks)
        variants = 0 if several is None else len(several.variants)
        raise ConfigError(
            f"a critical difference needs {MIN_TASKS} tasks and {MIN_VARIANTS} variants with all"
            f" their runs; this comparison has {tasks} and {variants}. Sweep over more:"
            " task=A,B,C,D,E"
        )
    axes = figure.add_subplot()
    tones = {row.group.variant: look(row.place).tone for row in comparison.rows}
    _draw(figure, axes, several.ranking, tones)
    names = {variant.name for variant in several.variants}
    return run_ids([row for row in comparison.rows if row.group.variant in names])


def _draw(figure: Figure, axes: Axes, ranking: Ranking, tones: Mapping[str, str]) -> None:
    order = sorted(range(len(ranking.names)), key=lambda i: (ranking.ranks[i], ranking.names[i]))
    count, cliques = len(order), ranking.cliques()
    _draw_scale(axes, ranking, count)
    for level, (one, other) in enumerate(cliques):
        ends = (ranking.ranks[order[one]] - 0.03, ranking.ranks[order[other]] + 0.03)
        y = 0.9 + 0.6 * level
        axes.plot(ends, (y, y), color=GREY, lw=3, solid_capstyle="butt", zorder=3)
    first = 1.6 + 0.6 * len(cliques)
    # Place names from the middle outwards, so that no name crosses another's line.
    middle = (count + 1) / 2
    outwards = sorted(order, key=lambda i: abs(ranking.ranks[i] - middle))
    for place, index in enumerate(outwards):
        rank, name = ranking.ranks[index], shortened(ranking.names[index])
        depth, left = first + 1.05 * place, ranking.ranks[index] < middle
        axes.plot((rank, rank), (0, depth), color="#777777", lw=0.7, zorder=2)
        axes.plot(rank, 0, "o", color=tones[ranking.names[index]], ms=3.6, zorder=4)
        axes.annotate(
            f"{rank:.2f}  {name}" if left else f"{name}  {rank:.2f}",
            (rank, depth),
            xytext=(3 if left else -3, 0),
            textcoords="offset points",
            ha="left" if left else "right",
            va="center",
            fontsize=7,
        )
    depth = first + 1.05 * (count - 1) + 0.6
    axes.set_xlim(0.9, count + 0.1)
    axes.set_ylim(depth, _TOP)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.set_figheight(0.1 + _ROW * (depth - _TOP))


def _draw_scale(axes: Axes, ranking: Ranking, count: int) -> None:
    axes.plot((1, count), (0, 0), color="#444444", lw=0.8, zorder=1)
    for rank in range(1, count + 1):
        axes.plot((rank, rank), (0, -0.35), color="#444444", lw=0.8, zorder=1)
        axes.annotate(str(rank), (rank, -0.6), ha="center", va="bottom", fontsize=7)
    width = ranking.critical_difference or 0.0
    axes.plot((1, 1 + width), (-2.3, -2.3), color=BASELINE, lw=1, marker="|", ms=5)
    about = f"{ranking.tasks} tasks, Nemenyi at {1 - ranking.level:.2g}"
    axes.annotate(
        f"critical difference {width:.2f} ({about})", (1, -2.8), fontsize=6.5, va="bottom"
    )
