"""Charts of training: learning curves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gatekit.compare.comparison import Comparison
from gatekit.compare.curves import (
    AXES,
    Band,
    Curve,
    band,
    band_ends,
    on_one_grid,
    over,
    read_curve,
    step_name,
)
from gatekit.compare.deciding.notes import unended
from gatekit.compare.deciding.row import Row
from gatekit.compare.stats.intervals import Floats
from gatekit.runs.result import ResultMetric

from .chart import Axis, Chart, Mark, Numbers, Panel, numbers
from .rows import (
    Legend,
    by_task,
    counted,
    metric_title,
    run_tip,
    shown_rows,
    some_of,
    spans_decades,
)

_MOST_SEEDS = 10
"""From so many seeds on, single seeds are not drawn beside their mean."""

_MOST_GROUPS = 12
_MOST_MARKED = 30
_FAR = 0.35
"""Chance is drawn up to this share of the axis beyond its ends."""


@dataclasses.dataclass(frozen=True, slots=True)
class Learned:
    """The learning curves of a group.

    Attributes:
        row: the group.
        name: its name in the legend.
        curves: those of its runs with an outcome.
        band: their mean with its interval; None if there is none.
        unended: those of runs without an outcome.
        seeds: whether single seeds are drawn beside the mean.
    """

    row: Row
    name: str
    curves: tuple[Curve, ...]
    band: Band | None
    unended: tuple[Curve, ...] = ()
    seeds: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class LearnedTask:
    """The learning curves of a task's groups.

    Attributes:
        title: the task; empty if there is only one.
        of: the title of the y axis.
        metric: the metric; None if it is not that of an outcome.
        groups: the groups; at least one.
    """

    title: str
    of: str
    metric: ResultMetric | None
    groups: Sequence[Learned]


def curves(comparison: Comparison, cost: str = "epochs") -> Chart | None:
    """Return the validation metric over epochs, or over another cost of training.

    A group's mean is a strong line with its t interval as a band, up to the last epoch that all
    its seeds reached. With fewer than ten seeds, each seed is also a thin line. Bands end at the
    limits of the metric; on a logarithmic axis, a band that reaches zero ends at the lowest seed.
    Over seconds or FLOPs, seeds are interpolated between evaluations. A vertical rule is the
    budget of the comparison.

    Args:
        comparison: the comparison.
        cost: ``epochs``, ``seconds``, ``steps``, ``tokens`` or ``flops``.

    Raises:
        ConfigError: there is no such cost, or it is unknown.
    """
    parts = []
    for title, one in by_task(comparison):
        groups = _read(one, cost)
        if groups and (summary := groups[0].row.summary) is not None:
            of = metric_title([groups[0].row], "validation")
            parts.append(LearnedTask(title, of, summary.metric, groups))
    chart = learning(comparison, parts, cost) if parts else None
    if chart is None:
        return None
    known = {row.group.label for _, one in by_task(comparison) for row in one.rows}
    return dataclasses.replace(chart, notes=(*some_of(len(chart.series), len(known)), *chart.notes))


def _read(comparison: Comparison, cost: str) -> list[Learned]:
    found = []
    for row in shown_rows(comparison.rows, _MOST_GROUPS):
        read = [read_curve(r) if cost == "epochs" else over(r, cost) for r in row.group.runs]
        curves = tuple(curve for curve in read if curve is not None)
        if curves:
            aligned = on_one_grid(curves) if cost in ("seconds", "tokens", "flops") else curves
            mean = band(aligned)
            few = len(curves) < _MOST_SEEDS
            found.append(Learned(row, row.group.label, curves, mean, seeds=few))
    return found


def learning(
    comparison: Comparison, tasks: Sequence[LearnedTask], cost: str, step: str | None = None
) -> Chart:
    """Return the chart of learning curves that have been read.

    Args:
        comparison: the comparison.
        tasks: the curves of each task.
        cost: what they are over.
        step: the name of an epoch; None means that of the runs.
    """
    legend = Legend(counted)
    rows = [item.row for task in tasks for item in task.groups]
    runs = [run for row in rows for run in row.group.runs]
    across = AXES[cost] if cost != "epochs" else step or step_name(runs)
    at = comparison.at
    budget = (float(at.amount),) if at is not None and at.cost == cost else ()
    x = Axis(across, whole=cost in ("epochs", "steps"))
    panels = tuple((_learning(task, x, budget, legend),) for task in tasks)
    log = any(panel.y.scale == "log" for (panel,) in panels)
    low = [item.band.low for task in tasks for item in task.groups if item.band is not None]
    floor = log and any((values <= 0).any() for values in low)
    notes = (*(["bands that reach 0 end at the lowest seed"] if floor else []), *unended(rows))
    drawn = tuple(c.run for task in tasks for item in task.groups for c in item.curves)
    return Chart("Learning curves", panels, legend.series, notes, drawn)


def _learning(task: LearnedTask, x: Axis, budget: Numbers, legend: Legend[Row]) -> Panel:
    metric, rows = task.metric, [item.row for item in task.groups]
    # Groups that a page hides at first do not stretch its axis.
    near = {id(row) for row in shown_rows(rows, _MOST_GROUPS)}
    first = [item for item in task.groups if id(item.row) in near]
    every = [curve.values for item in first for curve in (*item.curves, *item.unended)]
    low, high = float(min(map(np.min, every))), float(max(map(np.max, every)))
    log = spans_decades((low, high))
    limits = _padded(every, low, high, metric, log)
    marks = []
    if metric is not None and metric.chance is not None:
        limits = _with_chance(limits, metric.chance, log)
        if limits[0] <= metric.chance <= limits[1]:
            marks.append(Mark("rule", None, y=(metric.chance,), tips=("chance",)))
    if budget:
        marks.append(Mark("rule", None, x=budget))
    # What comes later covers the rest: first bands, then seeds, then means, the baseline last.
    drawn = [
        _marks(item, legend.add(item.name, item.row.style_index, item.row), metric, log)
        for item in task.groups
    ]
    last = sorted(range(len(rows)), key=lambda k: rows[k].is_baseline)
    for layer in range(3):
        marks += [mark for k in last for mark in drawn[k][layer]]
    better = 0 if metric is None else metric.sign
    y = Axis(task.of, "log" if log else "linear", limits, better=better)
    return Panel(x, y, tuple(marks), task.title)


def _marks(
    item: Learned, series: int, metric: ResultMetric | None, log: bool
) -> tuple[list[Mark], list[Mark], list[Mark]]:
    """Return the marks of a group in three layers: its band, its seeds, its mean."""

    def line(curve: Curve, strong: bool = False, dotted: bool = False) -> Mark:
        x, y = numbers(curve.epochs), numbers(curve.values)
        tips = (run_tip(curve.run, curve.seed),)
        return Mark("line", series, x, y, strong=strong, dotted=dotted, tips=tips)

    ends = [
        Mark("cross", series, numbers(c.epochs[-1:]), numbers(c.values[-1:]))
        for c in item.curves
        if c.diverged
    ]
    unended = [line(curve, dotted=True) for curve in item.unended]
    if item.band is None:
        whole = [line(curve, strong=True) for curve in item.curves]
        dots = [Mark("dots", series, m.x, m.y) for m in whole if len(m.x) <= _MOST_MARKED]
        return [], [*dots, *unended], [*whole, *ends]
    low, high = item.band.low, item.band.high
    if metric is not None:
        low, high = band_ends(item.band, _at(item.band, item.curves), metric, log)
    epochs = numbers(item.band.epochs)
    seeds = [line(curve) for curve in item.curves if item.seeds]
    return (
        [Mark("band", series, epochs, numbers(low), numbers(high))],
        [*seeds, *unended],
        [Mark("line", series, epochs, numbers(item.band.mean), strong=True), *ends],
    )


def _at(known: Band, curves: Sequence[Curve]) -> Sequence[Curve]:
    """Return the curves at the positions of their band."""
    if all(np.isin(known.epochs, curve.epochs).all() for curve in curves):
        return curves
    return on_one_grid(curves)


def _padded(
    curves: Sequence[Floats], low: float, high: float, metric: ResultMetric | None, log: bool
) -> tuple[float, float]:
    """Return the limits of the y axis, which ignore the width of bands."""
    if log:
        pad = (high / low) ** 0.05
        return low / pad, high * pad
    # Bad first epochs must not flatten the end of training, where variants differ.
    typical = [float(v[min(len(v) // 10, len(v) - 1)]) for v in curves]
    if metric is not None and metric.direction == "min":
        high = min(high, max(max(typical), low + (high - low) / 8))
    elif metric is not None:
        low = max(low, min(min(typical), high - (high - low) / 8))
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


def _with_chance(limits: tuple[float, float], at: float, log: bool) -> tuple[float, float]:
    """Return limits that include chance if it is close to them."""
    if log and at <= 0:
        return limits
    low, high, chance = (math.log(v) if log else v for v in (*limits, at))
    span = high - low
    if not low - _FAR * span <= chance <= high + _FAR * span:
        return limits
    low, high = min(low, chance - 0.05 * span), max(high, chance + 0.05 * span)
    return (math.exp(low), math.exp(high)) if log else (low, high)
