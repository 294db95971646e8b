"""The section of learning curves: data for the page's script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gatekit.compare.curves import AXES, Curve
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.label import printable
from gatekit.compare.views.rows import task_parts
from gatekit.runs.result import ResultMetric

from .context import Section, Sheet
from .markup import html, number
from .series import MOST_POINTS, Members, Series, Tables, costs, group_data

_MOST_SERIES, _MOST_CHARTS = 6, 12
# Above this number, groups at the end of the table show only their mean and interval.
_MOST_VALUES = 400_000
_SPLITS = ("validation", "train", "test")

Curves = Mapping[Series, Curve]


def curves(sheet: Sheet) -> Section | None:
    """Return the learning curves of every run, including runs in progress; a chart for each task.

    Only the first twelve tasks have a chart.
    """
    read: Sequence[Members] = [
        [(run, sheet.read_curves(run)) for run in (*row.group.runs, *row.group.missing)]
        for row in sheet.rows
    ]
    tables = Tables()
    seeds = _with_seeds(
        read, 1 + min(_MOST_SERIES, len({key for g in read for _, c in g for key in c}))
    )
    places = {id(row): place for place, row in enumerate(sheet.rows)}
    parts = task_parts(sheet.rows)
    charts = []
    budget = sheet.comparison.at
    for title, rows in parts[:_MOST_CHARTS]:
        inside = [places[id(row)] for row in rows]
        chart = _chart(sheet, read, inside, tables, seeds)
        if chart is not None:
            charts.append({"title": printable(title) if len(parts) > 1 else "", **chart})
    if not charts:
        return None
    data = {
        "groups": sheet.entries,
        "charts": charts,
        "lists": tables.lists,
        "level": number(100 * sheet.comparison.level),
        "axes": {**AXES, "epochs": sheet.step},
        "over": sheet.cost,
        "budget": budget and {"cost": budget.cost, "amount": number(budget.amount)},
    }
    body = _body(sheet, seeds, [chart["title"] for chart in charts])
    return Section("curves", "Learning curves", body, data)


def _chart(
    sheet: Sheet,
    read: Sequence[Members],
    inside: Sequence[int],
    tables: Tables,
    seeds: int,
) -> dict[str, Any] | None:
    """Return the chart of some groups: its series, and the curves of each group by its index."""
    rows = [sheet.rows[place] for place in inside]
    series = _series(rows, [known for place in inside for _, known in read[place]])
    if not series:
        return None
    level = sheet.comparison.level
    metrics = {m.name: m for row in rows if row.summary and (m := row.summary.metric)}
    known = {cost for place in inside for cost in costs(read[place], series[0])}
    return {
        "costs": [cost for cost in AXES if cost in known],
        "series": [_about(one, metrics.get(one[1])) for one in series],
        "curves": [
            {
                place: group_data(
                    read[place], one, tables, level, metrics.get(one[1]), place < seeds
                )
                for place in inside
            }
            for one in series
        ],
    }


def _with_seeds(read: Sequence[Members], series: int) -> int:
    """Return the number of groups, from the first, whose single seeds fit on the page.

    Args:
        read: the curves of all groups.
        series: number of lists of values of a run, including its seconds.
    """
    left = _MOST_VALUES
    for place, group in enumerate(read):
        longest = [max((len(c.epochs) for c in known.values()), default=0) for _, known in group]
        left -= series * sum(min(length, MOST_POINTS) for length in longest)
        if left < 0:
            return place
    return len(read)


def _body(sheet: Sheet, seeds: int, titles: Sequence[str]) -> Markup:
    caption = (
        f"Thick lines: the mean over seeds with its {sheet.comparison.level * 100:g} % t interval,"
        " up to the last epoch that all seeds reached. A band ends at the limits of the metric; on"
        " a logarithmic axis, a band that reaches 0 ends at the lowest seed. Thin lines: single"
        " seeds. Thin dashed lines: runs without an outcome. Over seconds, and over FLOPs that"
        " differ, seeds are interpolated between evaluations. Drag to zoom in; double-click to show"
        " everything. Keyboard: the arrow keys move the cursor, + and - zoom, 0 shows everything."
    )
    hidden = sum(not entry["shown"] for entry in sheet.entries)
    if hidden:
        groups = "group is" if hidden == 1 else "groups are"
        caption += f" {hidden} {groups} hidden at first: click a name, or all, to show it."
    if seeds < len(sheet.rows):
        caption += f" From group {seeds + 1} of the table on, single seeds are not shown."
    return html("plot.html", plot="curves", of="curves", titles=titles, caption=caption)


def _series(rows: Sequence[Row], runs: Sequence[Curves]) -> list[Series]:
    primary = {row.summary.metric.name for row in rows if row.summary}
    known = {key for curves_ in runs for key in curves_}

    def order(key: Series) -> tuple[int, bool, str]:
        split, metric = key
        place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
        return (place, metric not in primary, metric)

    return sorted(known, key=order)[:_MOST_SERIES]


def _about(series: Series, metric: ResultMetric | None) -> dict[str, Any]:
    split, name = map(printable, series)
    unit = printable(metric.unit) if metric else ""
    return {
        "label": f"{split} {name}" + (f" ({unit})" if unit else ""),
        "chance": None if metric is None or metric.chance is None else number(metric.chance),
        "better": None if metric is None else metric.direction,
    }
