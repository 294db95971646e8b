"""Figures over all tasks: average ranks, performance profiles, aggregates with intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.numbers import count_of
from gatekit.compare.several import (
    SeveralTasks,
    VariantOverTasks,
    complete_size,
    profiles,
    several_tasks,
)
from gatekit.compare.stats.across_tasks import MIN_TASKS, MIN_VARIANTS, Ranking
from gatekit.compare.stats.intervals import Interval

from .page import plottable, put_legend, run_ids, shortened, without_frame
from .style import BASELINE, GREY, Style, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RANK_ROW, _TOP = 0.15, -4.1
_ROW, _MARGIN = 0.24, 0.75

Aggregate = Callable[[VariantOverTasks], tuple[float | None, Interval | None]]
_AGGREGATES: dict[str, Aggregate] = {
    "mean": lambda v: (v.mean, v.mean_interval),
    "interquartile mean": lambda v: (v.interquartile_mean, v.interquartile_interval),
    "optimality gap": lambda v: (v.optimality_gap, v.gap_interval),
}


def draw_critical_difference(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw average ranks, best left; bars join variants that Nemenyi's test does not separate.

    Raises:
        ConfigError: there are fewer than five tasks or three variants.

    Reference:
        Demsar, JMLR 7 (2006) 1-30
    """
    several = several_tasks(comparison)
    if several is None or several.ranking.critical_difference is None:
        tasks, variants = complete_size(comparison)
        raise ConfigError(
            f"a critical difference needs {MIN_TASKS} tasks and {MIN_VARIANTS} variants with all"
            f" their runs; this comparison has {count_of(tasks, 'task')} and"
            f" {count_of(variants, 'such variant')}. Sweep over more: task=A,B,C,D,E cell=A,B,C"
        )
    _draw_ranks(figure, several.ranking, _looks(comparison))
    return _run_ids(comparison, several)


def draw_profile(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw the performance profile of each variant; higher and further right is better.

    Raises:
        ConfigError: there are fewer than two tasks, or no score can be normalised.
    """
    several = _normalised(comparison, "a performance profile needs")
    axes = figure.add_subplot()
    counts = {v.name: len(v.scores[0]) for v in several.variants}
    looks = _looks(comparison)
    for profile in profiles(several, comparison.level):
        style = looks[profile.name]
        label = plottable(f"{profile.name} (n = {counts[profile.name]} per task)")
        if profile.low is not None and profile.high is not None:
            axes.fill_between(
                profile.scores,
                profile.low,
                profile.high,
                step="post",
                color=style.tone,
                alpha=0.15,
                lw=0,
            )
        # The share of runs jumps at each score, so it is drawn in steps.
        axes.plot(
            profile.scores,
            profile.share,
            drawstyle="steps-post",
            color=style.tone,
            ls=style.line,
            lw=1.3,
            label=label,
        )
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(_axis_label(several))
    axes.set_ylabel("share of runs above")
    put_legend(figure, axes)
    return _run_ids(comparison, several)


def draw_intervals(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw mean, interquartile mean and optimality gap of each variant with their intervals.

    An aggregate without an interval, for example with fewer than eight seeds per task, is only a
    mark.

    Raises:
        ConfigError: there are fewer than two tasks, or no score can be normalised.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264, figure 9
    """
    several = _normalised(comparison, "intervals over tasks need")
    looks = _looks(comparison)
    tones = [looks[variant.name].tone for variant in several.variants]
    panels = figure.subplots(1, len(_AGGREGATES), sharey=True)
    for axes, (name, of) in zip(panels, _AGGREGATES.items(), strict=True):
        _draw_intervals(axes, name, list(map(of, several.variants)), tones)
    names = [shortened(variant.name) for variant in several.variants]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    figure.supxlabel(plottable(_axis_label(several)), fontsize=7.5)
    figure.set_figheight(_MARGIN + _ROW * len(names))
    return _run_ids(comparison, several)


def _normalised(comparison: Comparison, needs: str) -> SeveralTasks:
    """Return the variants over all tasks; if there are too few, the error begins with ``needs``."""
    several = several_tasks(comparison)
    if several is None or not several.normalised:
        raise ConfigError(
            f"{needs} at least two tasks with a known chance level, and two variants that are "
            "complete on all tasks. Add tasks: task=A,B"
        )
    return several


def _looks(comparison: Comparison) -> dict[str, Style]:
    return {row.group.variant: style_of(row.style_index) for row in comparison.rows}


def _run_ids(comparison: Comparison, several: SeveralTasks) -> list[str]:
    names = {variant.name for variant in several.variants}
    return run_ids([row for row in comparison.rows if row.group.variant in names])


def _axis_label(several: SeveralTasks) -> str:
    return f"normalised score (0 chance, 1 baseline; {len(several.normalised)} tasks)"


def _draw_ranks(figure: Figure, ranking: Ranking, looks: dict[str, Style]) -> None:
    axes = figure.add_subplot()
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
        axes.plot(rank, 0, "o", color=looks[ranking.names[index]].tone, ms=3.6, zorder=4)
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
    without_frame(axes)
    figure.set_figheight(0.1 + _RANK_ROW * (depth - _TOP))


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


def _draw_intervals(
    axes: Axes, name: str, values: list[tuple[float | None, Interval | None]], tones: list[str]
) -> None:
    from matplotlib.ticker import MaxNLocator

    for place, ((value, interval), tone) in enumerate(zip(values, tones, strict=True)):
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
