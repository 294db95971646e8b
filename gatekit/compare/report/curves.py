"""The section of learning curves: the data that its script draws, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from gatekit.compare.curves import Curve, band, band_ends, step_name
from gatekit.compare.deciding.row import Row
from gatekit.compare.figures.panels import task_parts
from gatekit.compare.grouping.label import printable
from gatekit.runs.record import Run
from gatekit.runs.result import Metric

from .context import Section, Sheet, entries
from .markup import html, number

# Curves with more epochs are thinned to this number of points.
_MOST_POINTS = 400
_MOST_SERIES, _MOST_CHARTS = 6, 12
# Above this number, groups at the end of the table show only their mean and interval.
_MOST_VALUES = 400_000
_DIGITS = 5
_SPLITS = ("validation", "train", "test")

Series = tuple[str, str]
Curves = Mapping[Series, Curve]


def curves(sheet: Sheet) -> Section | None:
    """Return the learning curves of every run, including runs in progress; a chart for each task.

    Beyond twelve tasks, the others have no chart.
    """
    read = [
        [(run, sheet.read_curves(run)) for run in (*row.group.runs, *row.group.missing)]
        for row in sheet.rows
    ]
    tables = _Tables()
    seeds = _with_seeds(
        read, min(_MOST_SERIES, len({key for g in read for _, c in g for key in c}))
    )
    places = {id(row): place for place, row in enumerate(sheet.rows)}
    parts = task_parts(sheet.rows)
    charts = []
    for title, rows in parts[:_MOST_CHARTS]:
        inside = [places[id(row)] for row in rows]
        chart = _chart(sheet, read, inside, tables, seeds)
        if chart is not None:
            charts.append({"title": printable(title) if len(parts) > 1 else "", **chart})
    if not charts:
        return None
    data = {
        "groups": entries(sheet.rows),
        "charts": charts,
        "epochs": tables.epochs,
        "level": number(100 * sheet.comparison.level),
        "step": step_name(sheet.comparison.study.runs),
    }
    titles = [chart["title"] for chart in charts]
    return Section("curves", "Learning curves", _body(sheet, seeds, titles), data)


def _chart(
    sheet: Sheet,
    read: Sequence[Sequence[tuple[Run, Curves]]],
    inside: Sequence[int],
    tables: _Tables,
    seeds: int,
) -> dict[str, Any] | None:
    """Return the chart of some groups: its series, and the curves of each group by its index."""
    rows = [sheet.rows[place] for place in inside]
    series = _series(rows, [known for place in inside for _, known in read[place]])
    if not series:
        return None
    level = sheet.comparison.level
    metrics = {m.name: m for row in rows if row.summary and (m := row.summary.metric)}
    return {
        "series": [_about(one, metrics.get(one[1])) for one in series],
        "curves": [
            {
                place: _group(read[place], one, tables, level, metrics.get(one[1]), place < seeds)
                for place in inside
            }
            for one in series
        ],
    }


def _with_seeds(read: Sequence[Sequence[tuple[Run, Curves]]], series: int) -> int:
    """Return the number of groups, from the first, whose single seeds fit on the page."""
    left = _MOST_VALUES
    for place, group in enumerate(read):
        longest = [max((len(c.epochs) for c in known.values()), default=0) for _, known in group]
        left -= series * sum(min(length, _MOST_POINTS) for length in longest)
        if left < 0:
            return place
    return len(read)


def _body(sheet: Sheet, seeds: int, titles: Sequence[str]) -> Markup:
    caption = (
        f"Thick lines: the mean over seeds with its {sheet.comparison.level * 100:g} % t interval,"
        " up to the last epoch that all seeds reached; a band ends where the metric does, and on a"
        " logarithmic axis a band that reaches 0 ends at the lowest seed. Thin lines: single seeds."
        " Thin dashed lines: runs without an outcome. Drag to zoom in; double-click to show"
        " everything. Keyboard: the arrow keys move the cursor, + and - zoom, 0 shows everything."
    )
    hidden = sum(not entry["shown"] for entry in entries(sheet.rows))
    if hidden:
        groups = "group is" if hidden == 1 else "groups are"
        caption += f" {hidden} {groups} hidden at first: click a name to show it, or all."
    if seeds < len(sheet.rows):
        caption += f" From group {seeds + 1} of the table on, single seeds are not shown."
    return html("plot.html", plot="curves", titles=titles, caption=caption)


def _series(rows: Sequence[Row], runs: Sequence[Curves]) -> list[Series]:
    primary = {row.summary.metric.name for row in rows if row.summary}
    known = {key for curves_ in runs for key in curves_}

    def order(key: Series) -> tuple[int, bool, str]:
        split, metric = key
        place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
        return (place, metric not in primary, metric)

    return sorted(known, key=order)[:_MOST_SERIES]


def _about(series: Series, metric: Metric | None) -> dict[str, Any]:
    split, name = map(printable, series)
    unit = printable(metric.unit) if metric else ""
    return {
        "label": f"{split} {name}" + (f" ({unit})" if unit else ""),
        "chance": None if metric is None or metric.chance is None else number(metric.chance),
        "better": None if metric is None else metric.direction,
    }


class _Tables:
    """The distinct lists of epochs, each stored once, because most runs share theirs."""

    def __init__(self) -> None:
        self.epochs: list[list[float]] = []
        self._places: dict[tuple[float, ...], int] = {}

    def place(self, epochs: Sequence[float]) -> int:
        key = tuple(epochs)
        if key not in self._places:
            self._places[key] = len(self.epochs)
            self.epochs.append([number(epoch) for epoch in epochs])
        return self._places[key]


def _group(
    group: Sequence[tuple[Run, Curves]],
    series: Series,
    tables: _Tables,
    level: float,
    metric: Metric | None,
    with_seeds: bool,
) -> dict[str, Any]:
    members = [(run, known[series]) for run, known in group if series in known]
    counting = [curve for run, curve in members if run.counts]
    mean = band(counting, level)
    runs = []
    for run, curve in members if with_seeds or mean is None else ():
        kept = _thinned(curve.epochs)
        runs.append(
            {
                "run": run.id,
                "seed": run.seed,
                "state": run.state,
                "at": tables.place(curve.epochs[kept].tolist()),
                "y": [number(v, _DIGITS) for v in curve.values[kept]],
            }
        )
    if mean is None:
        return {"runs": runs, "band": None}
    kept = _thinned(mean.epochs)
    ends = {"mean": mean.mean, "low": mean.low, "high": mean.high}
    if metric is not None:
        ends["low"], ends["high"] = band_ends(mean, counting, metric, log=False)
        if (ends["low"] <= 0).any():
            # On a logarithmic axis the band ends at the lowest seed.
            ends["floor"] = band_ends(mean, counting, metric, log=True)[0]
    shown = {name: [number(v, _DIGITS) for v in values[kept]] for name, values in ends.items()}
    return {"runs": runs, "band": {"at": tables.place(mean.epochs[kept].tolist()), **shown}}


def _thinned(epochs: Any) -> Any:
    """Return the indices to show: all of them, or an even selection with both ends."""
    count = len(epochs)
    if count <= _MOST_POINTS:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, _MOST_POINTS).round().astype(int))
