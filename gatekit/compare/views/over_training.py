"""Charts of training: learning curves, the share of runs at a threshold, the best of k trials."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gatekit.compare.budget.evaluations import best_so_far, read_evaluations, step_flops
from gatekit.compare.budget.reach import Reached, reach
from gatekit.compare.budget.trials import BestOfK, best_of_k
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
from gatekit.compare.deciding.row import Row
from gatekit.compare.numbers import count_of
from gatekit.compare.stats.intervals import MIN_BOOTSTRAP, Floats
from gatekit.runs.record import RunRecord
from gatekit.runs.result import ResultMetric

from .chart import Axis, Chart, Mark, Numbers, Panel, numbers
from .rows import (
    Legend,
    by_task,
    counted,
    metric_axis,
    metric_title,
    run_ids,
    run_tip,
    shown_rows,
    some_of,
    spans_decades,
    unended,
)

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
            mean = band(aligned, comparison.level)
            few = len(curves) < MIN_BOOTSTRAP
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


def survival(comparison: Comparison, threshold: float, cost: str = "steps") -> Chart | None:
    """Return the share of runs that have reached a threshold, over the cost of training.

    The share is one minus the Kaplan-Meier estimate; a tick is a run that ended without reaching
    the threshold. The arguments are those of `reach`.

    Raises:
        ConfigError: the cost does not exist, or is unknown.
    """
    legend = Legend(_reached)
    panels = []
    rows: list[Row] = []
    for title, one in by_task(comparison):
        shown = {id(row) for row in one.rows}
        groups = [found for found in reach(one, threshold, cost) if id(found.row) in shown]
        if groups:
            panels.append((_survival(title, groups, threshold, cost, legend),))
            rows += [found.row for found in groups]
    if not panels:
        return None
    return Chart("Time to a threshold", tuple(panels), legend.series, runs=run_ids(rows))


def _survival(
    title: str, groups: list[Reached], threshold: float, cost: str, legend: Legend[Reached]
) -> Panel:
    end = max(cost for one in groups for cost in one.costs)
    marks = []
    for one in groups:
        series = legend.add(one.row.group.label, one.row.style_index, one)
        x = [0.0, *one.survival.times, end]
        y = [0.0, *(1 - share for share in one.survival.share)]
        y.append(y[-1])
        marks.append(Mark("line", series, numbers(x), numbers(y), strong=True, steps=True))
        missed = sorted({c for c, hit in zip(one.costs, one.observed, strict=True) if not hit})
        heights = [y[max(i for i, t in enumerate(x) if t <= cost)] for cost in missed]
        marks.append(Mark("tick", series, numbers(missed), numbers(heights)))
    summary = groups[0].row.summary
    assert summary is not None
    runs = [run for one in groups for run in one.row.group.runs]
    across = AXES[cost] if cost != "epochs" else step_name(runs)
    return Panel(
        Axis(across, limits=(0, end * 1.03 or 1)),
        Axis(f"share with {summary.metric.name} {threshold:g}", limits=(-0.03, 1.03)),
        tuple(marks),
        title,
    )


def _reached(groups: list[Reached]) -> str:
    return f"{sum(sum(g.observed) for g in groups)} of {sum(len(g.costs) for g in groups)}"


def tuned(comparison: Comparison) -> Chart | None:
    """Return the expected score of the best of k trials of each variant, with its interval.

    Raises:
        ConfigError: the comparison has no tuned keys.
    """
    legend = Legend(_trials)
    panels = []
    rows: list[Row] = []
    for title, one in by_task(comparison):
        by_row = {id(found.row): found for found in best_of_k(one)}
        known = [by_row[id(row)] for row in one.rows if id(row) in by_row]
        if known:
            rows += [found.row for found in known]
            y = Axis(f"expected {metric_title(one.rows)}")
            marks = [mark for found in known for mark in _best(found, legend)]
            panels.append((Panel(Axis("trials k", whole=True), y, tuple(marks), title),))
    if not panels:
        return None
    return Chart("Expected best of k trials", tuple(panels), legend.series, runs=run_ids(rows))


def _best(one: BestOfK, legend: Legend[BestOfK]) -> list[Mark]:
    series = legend.add(one.row.group.label, one.row.style_index, one)
    k = numbers(range(1, one.trials + 1))
    marks = [Mark("line", series, k, one.outcome, strong=True)]
    if one.low is not None and one.high is not None:
        marks.insert(0, Mark("band", series, k[: len(one.low)], one.low, one.high))
    if one.trials <= _MOST_MARKED:
        marks.append(Mark("mean", series, k, one.outcome, strong=True))
    return marks


def _trials(variants: list[BestOfK]) -> str:
    return " or ".join(dict.fromkeys(count_of(one.trials, "trial") for one in variants))


def _training_flops(run: RunRecord) -> float | None:
    """Return the FLOPs of a run's training; None if it has no evaluation.

    Raises:
        ConfigError: they are unknown.
    """
    each, steps = step_flops(run), None if run.result is None else run.result.steps
    if each is not None and steps:
        return each * steps
    known = read_evaluations(run)
    return None if known is None else float(known.on("flops")[-1])


def compute(comparison: Comparison) -> Chart | None:
    """Return each completed run's metric over the FLOPs of its whole training.

    The dotted steps are the best score of any run that needed no more FLOPs.

    Raises:
        ConfigError: the FLOPs of a run are unknown.
    """
    legend = Legend(counted)
    panels = []
    drawn: list[Row] = []
    for title, one in by_task(comparison):
        every: list[tuple[float, float]] = []
        marks = []
        for row in shown_rows(one.rows, _MOST_GROUPS):
            known = [
                (flops, run.result.outcome, run_tip(run.id, run.seed))
                for run in row.group.runs
                if run.result and run.state == "COMPLETED"
                if (flops := _training_flops(run)) is not None
            ]
            if known:
                x, y = numbers(x for x, _, _ in known), numbers(y for _, y, _ in known)
                series = legend.add(row.group.label, row.style_index, row)
                tips = tuple(tip for *_, tip in known)
                marks.append(Mark("mean", series, x, y, strong=True, tips=tips))
                every += zip(x, y, strict=True)
                drawn.append(row)
        if marks:
            costs, scores = (np.array(part) for part in zip(*sorted(every), strict=True))
            y_axis = metric_axis(one.rows, scores.tolist())
            best = numbers(best_so_far(scores, y_axis.better))
            marks.append(Mark("line", None, numbers(costs), best, dotted=True, steps=True))
            wide = spans_decades(costs.tolist())
            x_axis = Axis(AXES["flops"], "log" if wide else "linear", better=-1)
            panels.append((Panel(x_axis, y_axis, tuple(marks), title),))
    if not panels:
        return None
    return Chart("Metric over FLOPs", tuple(panels), legend.series, runs=run_ids(drawn))
