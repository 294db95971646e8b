"""Charts of groups: differences from the baseline, the metric against cost, a sweep of two keys."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import is_answered
from gatekit.compare.deciding.reasons import corrected
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.numbers import is_number, number, with_own_decimals
from gatekit.compare.output.table_cells import count_text
from gatekit.compare.stats.difference import Difference
from gatekit.runs.result import Result

from .chart import Axis, Chart, Mark, Panel, numbers
from .rows import (
    Legend,
    by_metric,
    by_task,
    counted,
    metric_axis,
    metric_title,
    run_ids,
    run_tip,
    shown_rows,
    some_of,
    spans_decades,
)

_MOST_ROWS = 40
_MOST_NAMED = 6
_FAR = 20
"""A difference this many times larger than the median one is an arrow at the edge."""
_EDGE = 0.06


def forest(comparison: Comparison) -> Chart | None:
    """Return group minus baseline for each group: dots are seeds, the bar is the t interval.

    A filled mark on a thick bar is a decided difference; an open mark on a thin bar is undecided.
    Groups with a diverged run are labelled. A difference far beyond all others is an arrow at the
    edge, so that the others stay readable.
    """
    legend = Legend(counted)
    panels = []
    drawn: list[Row] = []
    total = 0
    for title, one in by_task(comparison):
        rows = [row for row in one.rows if row.difference and row.difference.pairs]
        if shown := shown_rows(rows, _MOST_ROWS):
            panels.append((_forest(title, one, shown, legend),))
            drawn += [*shown, *(row for row in one.rows if row.is_baseline)]
            total += len(rows)
    if not panels:
        return None
    shown_count = sum(not row.is_baseline for row in drawn)
    notes = tuple(some_of(shown_count, total))
    return Chart("Differences", tuple(panels), legend.series, notes, run_ids(drawn))


def _forest(title: str, comparison: Comparison, rows: list[Row], legend: Legend[Row]) -> Panel:
    sharing = {row.shared_keys for row in rows}
    names: list[str] = []
    marks = [Mark("rule", None, (0.0,), strong=True)]
    last: object = None
    for row in rows:
        if row.shared_keys != last and len(sharing) > 1:
            names.append(row.group.part(dict(row.shared_keys)))
        last = row.shared_keys
        marks += _difference(
            row, float(len(names)), legend.add(row.group.label, row.style_index, row)
        )
        names.append(row.name or row.group.label)
    first = _differences(rows)[0]
    baselines = {row.group.label for row in comparison.rows if row.is_baseline}
    versus = baselines.pop() if len(baselines) == 1 else "the baseline"
    side = "right" if first.metric.sign > 0 else "left"
    # Two lines, because one would be wider than a column.
    what = f"difference in {metric_text(first.metric)}\nfrom {versus}, better to the {side}"
    x = Axis(what, limits=near_limits(_differences(rows)), better=first.metric.sign)
    return Panel(x, Axis(scale="names", names=tuple(names)), tuple(marks), title, rows=len(names))


def _difference(row: Row, y: float, series: int) -> list[Mark]:
    diff = row.difference
    assert diff is not None
    alike = row.summary is not None and row.summary.n == diff.n
    n = count_text(row) if alike else str(diff.n)
    if diff.mean is None:
        worse = -diff.metric.sign if diff.direction < 0 else diff.metric.sign
        text = f"{max(diff.diverged, diff.diverged_baseline)} of {diff.pairs} diverged"
        marks = [Mark("cross", series, y=(y,), side=worse)]
    else:
        interval = corrected(diff)
        text = with_own_decimals(diff.mean, interval, sign="+")
        decided = is_answered(row)
        seeds = tuple(f"seed {seed}" for seed in diff.seeds)
        marks = [Mark("dots", series, numbers(diff.values), (y,) * diff.n, tips=seeds)]
        if interval is not None:
            ends = interval.low, interval.high
            marks.append(Mark("bar", series, ends[:1], (y,), ends[1:], decided))
        marks.append(Mark("mean", series, (diff.mean,), (y,), strong=decided))
    text = f"{text}   n = {n}".replace("-", "\N{MINUS SIGN}")
    return [*marks, Mark("text", None, y=(y,), side=1, tips=(text,))]


def _differences(rows: Sequence[Row]) -> list[Difference]:
    return [row.difference for row in rows if row.difference is not None]


def near_limits(differences: Sequence[Difference]) -> tuple[float, float] | None:
    """Return the ends of an axis that leaves out outliers; None if there are no outliers."""
    spans = [_span(difference) for difference in differences if difference.mean is not None]
    if not spans:
        return None
    typical = statistics.median(max(abs(low), abs(high)) for low, high in spans)
    near = [span for span in spans if max(map(abs, span)) <= _FAR * typical]
    # If most differences are zero, the axis covers all of them.
    if len(near) == len(spans) or not typical:
        return None
    low, high = min(0.0, *(low for low, _ in near)), max(0.0, *(high for _, high in near))
    return low - _EDGE * (high - low), high + _EDGE * (high - low)


def _span(diff: Difference) -> tuple[float, float]:
    """Return the ends of everything drawn for a difference."""
    assert diff.mean is not None
    drawn = [diff.mean, *diff.values]
    interval = corrected(diff)
    drawn += [] if interval is None else [interval.low, interval.high]
    return min(drawn), max(drawn)


Cost = Callable[[Result], float | None]
_BUDGETS: tuple[tuple[str, str, Cost], ...] = (
    ("state", "numbers of state", lambda result: result.state_size),
    ("flops", "FLOPs per token", lambda result: result.token_flops),
)


def scatter(comparison: Comparison) -> Chart | None:
    """Return each completed run's metric over its parameters and its time per training step.

    The state size and the FLOPs per token are added if ``match`` equalised them. Dots are runs and
    large marks are the means of groups, without diverged runs. With more than six groups, only the
    best six, the baseline and decided groups have a colour.
    """
    legend = Legend(counted)
    parts = by_task(comparison)
    budgets = {row.group.budget for row in comparison.rows}
    costs: list[tuple[str, Cost]] = [
        ("parameters", lambda result: result.parameters),
        *((title, cost) for budget, title, cost in _BUDGETS if budget in budgets),
        ("ms per training step", _milliseconds),
    ]
    panels = []
    for title, one in parts:
        shown = shown_rows(one.rows, _MOST_NAMED)
        known = [row for row in one.rows if any(_points(row, cost) for _, cost in costs)]
        places = [
            legend.add(row.group.label, row.style_index, row) if row in shown else None
            for row in known
        ]
        line = [_scatter(title, name, cost, known, places) for name, cost in costs]
        if any(line):
            panels.append(tuple(panel for panel in line if panel is not None))
    if not panels:
        return None
    groups = {row.group.label for _, one in parts for row in one.rows}
    notes = tuple(some_of(len(legend.series), len(groups), "groups have a colour"))
    return Chart("Metric and cost", tuple(panels), legend.series, notes, run_ids(comparison.rows))


def _scatter(
    title: str, name: str, cost: Cost, rows: Sequence[Row], places: Sequence[int | None]
) -> Panel | None:
    by_row = [_points(row, cost) for row in rows]
    every = [point for points in by_row for point in points]
    if not every:
        return None
    xs, ys = [x for x, _, _ in every], [y for _, y, _ in every]
    marks = []
    for series, points in sorted(
        zip(places, by_row, strict=True), key=lambda pair: pair[0] is not None
    ):
        x, y = numbers(x for x, _, _ in points), numbers(y for _, y, _ in points)
        marks.append(Mark("dots", series, x, y, tips=tuple(tip for *_, tip in points)))
        if series is not None and points:
            mean = (statistics.fmean(x),), (statistics.fmean(y),)
            marks.append(Mark("mean", series, *mean, strong=True))
    alone = (0.8 * xs[0], 1.2 * xs[0]) if min(xs) == max(xs) else None
    x_axis = Axis(name, "log" if spans_decades(xs) else "linear", alone, better=-1)
    return Panel(x_axis, metric_axis(rows, ys), tuple(marks), title)


def _milliseconds(result: Result) -> float | None:
    return None if result.step_seconds is None else 1000 * result.step_seconds


def _points(row: Row, cost: Cost) -> list[tuple[float, float, str]]:
    """Return the cost, the score and the label of each completed run."""
    return [
        (float(x), result.outcome, run_tip(run.id, run.seed))
        for run in row.group.runs
        if (result := run.result) is not None
        and result.state == "COMPLETED"
        and (x := cost(result)) is not None
    ]


def heatmap(comparison: Comparison) -> Chart | None:
    """Return the mean of each group on a grid of the two keys in which groups differ.

    The frame marks the best mean. ``3/5 div.`` counts diverged runs. An empty cell has no outcome.

    Raises:
        ConfigError: the groups do not differ in exactly two keys.
    """
    parts = by_metric(comparison) if len(keys_of(comparison.rows)) == 2 else by_task(comparison)
    panels = tuple((_heatmap(title, list(one.rows)),) for title, one in parts if one.rows)
    if not panels:
        return None
    return Chart("Sweep", panels, runs=run_ids([row for _, one in parts for row in one.rows]))


def _heatmap(title: str, rows: list[Row]) -> Panel:
    rows = [row for row in rows if row.summary is not None]
    keys = keys_of(rows)
    if len(keys) != 2:
        raise ConfigError(
            f"a heat map has two axes, but the groups differ in {listed(keys) or 'no key'};"
            f" choose two with --by KEY,KEY"
        )
    counts = [len(_values(rows, key)) for key in keys]
    down, across = keys if counts[0] <= counts[1] else reversed(keys)
    lines, columns = _values(rows, down), _values(rows, across)
    cells, failed = [], []
    for row in rows:
        place = columns.index(row.group.value(across)), lines.index(row.group.value(down))
        assert row.summary is not None
        if row.summary.mean is None:
            failed.append((*place, f"{row.summary.diverged}/{row.summary.n}\ndiv."))
        else:
            cells.append((*place, row.summary.mean))
    assert rows[0].summary is not None
    sign = rows[0].summary.metric.sign
    marks = []
    if cells:
        x, y, means = zip(*cells, strict=True)
        texts = tuple(map(number, means))
        marks.append(Mark("cell", None, numbers(x), numbers(y), numbers(means), tips=texts))
        best = max(cells, key=lambda cell: sign * cell[2])
        marks.append(Mark("frame", None, numbers(best[:1]), numbers(best[1:2])))
    if failed:
        x, y, tips = zip(*failed, strict=True)
        marks.append(Mark("text", None, numbers(x), numbers(y), tips=tips))
    return Panel(
        Axis(across, "names", names=tuple(columns)),
        Axis(down, "names", names=tuple(lines)),
        tuple(marks),
        title,
        rows=len(lines),
        tints=Axis(metric_title(rows), better=sign),
    )


def keys_of(rows: Iterable[Row]) -> list[str]:
    """Return the keys in which groups differ."""
    return list(dict.fromkeys(key for row in rows for key in row.group.values))


def _values(rows: list[Row], key: str) -> list[str]:
    values: dict[str, Any] = {row.group.value(key): row.group.values.get(key) for row in rows}
    numeric = all(map(is_number, values.values()))
    return sorted(values, key=values.__getitem__ if numeric else str)
