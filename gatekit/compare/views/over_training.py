"""Charts of training: learning curves, the share of runs at a threshold, the best of k trials."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from gatekit.compare.budget.evaluations import best_so_far, read_evaluations
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
from gatekit.runs.result import ResultMetric

from .chart import Axis, Chart, Mark, Panel, numbers
from .rows import (
    Legend,
    by_task,
    counted,
    metric_axis,
    metric_title,
    run_ids,
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
class _Read:
    row: Row
    curves: tuple[Curve, ...]
    band: Band | None


def curves(comparison: Comparison, cost: str = "epochs") -> Chart | None:
    """Return the validation metric over epochs, or over another cost of training.

    A group's mean is a strong line with its t interval as a band, up to the last epoch that all
    its seeds reached. With fewer than ten seeds, each seed is also a thin line. Bands end at the
    limits of the metric; on a logarithmic axis, a band that reaches zero ends at the lowest seed.
    Over seconds or FLOPs, seeds are interpolated between evaluations. A vertical rule is the
    budget of the comparison.

    Args:
        comparison: the comparison.
        cost: ``epochs``, ``seconds``, ``steps`` or ``flops``.

    Raises:
        ConfigError: there is no such cost, or it is unknown.
    """
    legend = Legend(counted)
    parts = [(title, one, _read(one, cost)) for title, one in by_task(comparison)]
    panels = [(_curves(title, one, read, cost, legend),) for title, one, read in parts if read]
    if not panels:
        return None
    rows = [item.row for _, _, read in parts for item in read]
    known = {row.group.label for _, one, _ in parts for row in one.rows}
    low = [b.low for _, _, read in parts for item in read if (b := item.band) is not None]
    log = any(panel.y.scale == "log" for (panel,) in panels)
    floor = log and any((values <= 0).any() for values in low)
    return Chart(
        "Learning curves",
        tuple(panels),
        legend.series,
        (
            *some_of(len(legend.series), len(known)),
            *(["bands that reach 0 end at the lowest seed"] if floor else []),
            *unended(rows),
        ),
        tuple(curve.run for _, _, read in parts for item in read for curve in item.curves),
    )


def _read(comparison: Comparison, cost: str) -> list[_Read]:
    found = []
    for row in shown_rows(comparison.rows, _MOST_GROUPS):
        read = [read_curve(r) if cost == "epochs" else over(r, cost) for r in row.group.runs]
        curves = tuple(curve for curve in read if curve is not None)
        if curves:
            aligned = on_one_grid(curves) if cost in ("seconds", "flops") else curves
            found.append(_Read(row, curves, band(aligned, comparison.level)))
    return found


def _curves(
    title: str, comparison: Comparison, read: list[_Read], cost: str, legend: Legend[Row]
) -> Panel:
    rows = [item.row for item in read]
    assert rows[0].summary is not None
    metric = rows[0].summary.metric
    every = [curve.values for item in read for curve in item.curves]
    low, high = float(min(map(np.min, every))), float(max(map(np.max, every)))
    y = metric_axis(rows, (low, high), "validation")
    log = y.scale == "log"
    limits = _with_chance(_padded(every, low, high, metric, log), metric, log)
    marks = []
    if metric.chance is not None and limits[0] <= metric.chance <= limits[1]:
        marks.append(Mark("rule", None, y=(metric.chance,), tips=("chance",)))
    at = comparison.at
    if at is not None and at.cost == cost:
        marks.append(Mark("rule", None, x=(float(at.amount),)))
    # What comes later covers the rest: first bands, then seeds, then means, the baseline last.
    drawn = [_marks(item, legend.add(*_named(item.row)), metric, log) for item in read]
    last = sorted(range(len(read)), key=lambda k: rows[k].is_baseline)
    for layer in range(3):
        marks += [mark for k in last for mark in drawn[k][layer]]
    runs = [run for row in rows for run in row.group.runs]
    across = AXES[cost] if cost != "epochs" else step_name(runs)
    y = dataclasses.replace(y, limits=limits)
    return Panel(Axis(across, whole=cost == "epochs"), y, tuple(marks), title)


def _named(row: Row) -> tuple[str, int, Row]:
    return row.group.label, row.style_index, row


def _marks(
    item: _Read, series: int, metric: ResultMetric, log: bool
) -> tuple[list[Mark], list[Mark], list[Mark]]:
    """Return the marks of a group in three layers: its band, its seeds, its mean."""
    whole = [(numbers(curve.epochs), numbers(curve.values)) for curve in item.curves]
    ends = [
        Mark("cross", series, numbers(c.epochs[-1:]), numbers(c.values[-1:]))
        for c in item.curves
        if c.diverged
    ]
    if item.band is None:
        dots = [Mark("dots", series, *one) for one in whole if len(one[0]) <= _MOST_MARKED]
        return [], dots, [*(Mark("line", series, *one, strong=True) for one in whole), *ends]
    few = len(item.curves) < MIN_BOOTSTRAP
    low, high = band_ends(item.band, _at(item.band, item.curves), metric, log)
    epochs = numbers(item.band.epochs)
    return (
        [Mark("band", series, epochs, numbers(low), numbers(high))],
        [Mark("line", series, *one) for one in whole if few],
        [Mark("line", series, epochs, numbers(item.band.mean), strong=True), *ends],
    )


def _at(known: Band, curves: Sequence[Curve]) -> Sequence[Curve]:
    """Return the curves at the positions of their band."""
    if all(np.isin(known.epochs, curve.epochs).all() for curve in curves):
        return curves
    return on_one_grid(curves)


def _padded(
    curves: Sequence[Floats], low: float, high: float, metric: ResultMetric, log: bool
) -> tuple[float, float]:
    """Return the limits of the y axis, which ignore the width of bands."""
    if log:
        pad = (high / low) ** 0.05
        return low / pad, high * pad
    # Bad first epochs must not flatten the end of training, where variants differ.
    typical = [float(v[min(len(v) // 10, len(v) - 1)]) for v in curves]
    if metric.direction == "min":
        high = min(high, max(max(typical), low + (high - low) / 8))
    else:
        low = max(low, min(min(typical), high - (high - low) / 8))
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - pad, high + pad


def _with_chance(
    limits: tuple[float, float], metric: ResultMetric, log: bool
) -> tuple[float, float]:
    """Return limits that include chance if it is close to them."""
    if metric.chance is None or (log and metric.chance <= 0):
        return limits
    low, high, chance = (math.log(v) if log else v for v in (*limits, metric.chance))
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
            runs = [(r.result, read_evaluations(r)) for r in row.group.runs]
            known = [(e.on("flops")[-1], r.outcome) for r, e in runs if r and e and not e.diverged]
            if known:
                x, y = (numbers(part) for part in zip(*known, strict=True))
                series = legend.add(row.group.label, row.style_index, row)
                marks.append(Mark("mean", series, x, y, strong=True))
                every += known
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
