"""Charts over all tasks: average ranks, performance profiles, aggregates with intervals."""

from __future__ import annotations

from collections.abc import Callable

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

from .chart import Axis, Chart, Mark, Panel, Series, numbers
from .rows import run_ids

Aggregate = Callable[[VariantOverTasks], tuple[float | None, Interval | None]]
_AGGREGATES: dict[str, Aggregate] = {
    "mean": lambda v: (v.mean, v.mean_interval),
    "interquartile mean": lambda v: (v.interquartile_mean, v.interquartile_interval),
    "optimality gap": lambda v: (v.optimality_gap, v.gap_interval),
}


def critical_difference(comparison: Comparison) -> Chart:
    """Return average ranks, best left; bars join variants that Nemenyi's test does not separate.

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
    ranking = several.ranking
    series = _series(comparison, several)
    index = {one.name: k for k, one in enumerate(series)}
    order = sorted(range(len(ranking.names)), key=lambda i: (ranking.ranks[i], ranking.names[i]))
    count, cliques = len(order), ranking.cliques()
    # From the top: the critical difference, the numbers of ranks, their line, cliques, names.
    marks = [*_scale(ranking, count)]
    for level, (one, other) in enumerate(cliques):
        y = (3.1 + 0.6 * level,)
        ends = ranking.ranks[order[one]] - 0.03, ranking.ranks[order[other]] + 0.03
        marks.append(Mark("bar", None, ends[:1], y, ends[1:], strong=True))
    first = 3.8 + 0.6 * len(cliques)
    # Place names from the middle outwards, so that no name crosses another's line.
    middle = (count + 1) / 2
    outwards = sorted(order, key=lambda i: abs(ranking.ranks[i] - middle))
    for place, i in enumerate(outwards):
        rank, name = ranking.ranks[i], ranking.names[i]
        depth, left = first + 1.05 * place, rank < middle
        text = f"{rank:.2f}  {name}" if left else f"{name}  {rank:.2f}"
        marks.append(Mark("line", None, (rank, rank), (2.2, depth)))
        marks.append(Mark("mean", index[name], (rank,), (2.2,), strong=True))
        side = 1 if left else -1
        marks.append(Mark("text", None, (rank,), (depth,), side=side, tips=(text,)))
    depth = first + 1.05 * (count - 1) + 0.6
    x = Axis(scale="hidden", limits=(0.9, count + 0.1))
    y_axis = Axis(scale="hidden", limits=(depth, -0.6))
    panel = Panel(x, y_axis, tuple(marks), rows=depth + 0.6)
    return Chart("Critical difference", ((panel,),), series, runs=_run_ids(comparison, several))


def _scale(ranking: Ranking, count: int) -> list[Mark]:
    width = ranking.critical_difference or 0.0
    about = f"{ranking.tasks} tasks, Nemenyi at {1 - ranking.level:.2g}"
    ranks = numbers(range(1, count + 1))
    return [
        Mark(
            "text",
            None,
            (1.0,),
            (-0.1,),
            side=1,
            tips=(f"critical difference {width:.2f} ({about})",),
        ),
        Mark("bar", None, (1.0,), (0.5,), (1 + width,)),
        Mark("tick", None, (1.0, 1 + width), (0.5, 0.5)),
        Mark("text", None, ranks, (1.4,) * count, tips=tuple(f"{rank:g}" for rank in ranks)),
        Mark("bar", None, (1.0,), (2.2,), (float(count),)),
        Mark("tick", None, ranks, (2.2,) * count),
    ]


def profile(comparison: Comparison) -> Chart | None:
    """Return the performance profile of each variant; higher and further right is better.

    Raises:
        ConfigError: there are fewer than two tasks, or no score can be normalised.
    """
    several = _normalised(comparison, "a performance profile needs")
    counts = {v.name: f"n = {len(v.scores[0])} per task" for v in several.variants}
    series = _series(comparison, several, counts)
    index = {one.name: k for k, one in enumerate(series)}
    marks = []
    # The share of runs jumps at each score, so it is drawn in steps.
    for one in profiles(several, comparison.level):
        k = index[one.name]
        if one.low is not None and one.high is not None:
            marks.append(Mark("band", k, one.scores, one.low, one.high, steps=True))
        marks.append(Mark("line", k, one.scores, one.share, strong=True, steps=True))
    y = Axis("share of runs above", limits=(-0.02, 1.02), better=1)
    panel = Panel(Axis(_axis_title(several), better=1), y, tuple(marks))
    runs = _run_ids(comparison, several)
    return Chart("Performance profiles", ((panel,),), series, runs=runs) if marks else None


def intervals(comparison: Comparison) -> Chart:
    """Return mean, interquartile mean and optimality gap of each variant with their intervals.

    An aggregate without an interval, for example with fewer than eight seeds per task, is only a
    mark.

    Raises:
        ConfigError: there are fewer than two tasks, or no score can be normalised.

    Reference:
        Agarwal et al., NeurIPS (2021), arXiv:2108.13264, figure 9
    """
    several = _normalised(comparison, "intervals over tasks need")
    series = _series(comparison, several)
    y = Axis(scale="names", names=tuple(one.name for one in series))
    panels = []
    for name, of in _AGGREGATES.items():
        marks = []
        for k, variant in enumerate(several.variants):
            value, interval = of(variant)
            if interval is not None:
                ends = interval.low, interval.high
                marks.append(Mark("bar", k, ends[:1], (float(k),), ends[1:], strong=True))
            if value is not None:
                marks.append(Mark("mean", k, (value,), (float(k),), strong=True))
        x = Axis(_axis_title(several), better=-1 if "gap" in name else 1)
        panels.append(Panel(x, y, tuple(marks), name=name, rows=len(series)))
    runs = _run_ids(comparison, several)
    return Chart("Aggregates over tasks", (tuple(panels),), series, runs=runs)


def _normalised(comparison: Comparison, needs: str) -> SeveralTasks:
    """Return the variants over all tasks; if there are too few, the error begins with ``needs``."""
    several = several_tasks(comparison)
    if several is None or not several.normalised:
        raise ConfigError(
            f"{needs} at least two tasks with a known chance level, and two variants that are "
            "complete on all tasks. Add tasks: task=A,B"
        )
    return several


def _series(
    comparison: Comparison, several: SeveralTasks, notes: dict[str, str] | None = None
) -> tuple[Series, ...]:
    styles = {row.group.variant: row.style_index for row in comparison.rows}
    return tuple(
        Series(v.name, styles[v.name], (notes or {}).get(v.name, "")) for v in several.variants
    )


def _run_ids(comparison: Comparison, several: SeveralTasks) -> tuple[str, ...]:
    names = {variant.name for variant in several.variants}
    return run_ids([row for row in comparison.rows if row.group.variant in names])


def _axis_title(several: SeveralTasks) -> str:
    return f"normalised score (0 chance, 1 baseline; {len(several.normalised)} tasks)"
