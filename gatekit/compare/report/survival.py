"""The section for ``--reach``: how much training each group needed, as charts and a table."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.compare.budget.evaluations import UNITS
from gatekit.compare.budget.reach import Reached, reach
from gatekit.compare.budget.text import reach_cells, reach_note, reach_verdict
from gatekit.compare.curves import AXES
from gatekit.compare.figures.panels import task_parts
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import exact

from .context import Section, Sheet, css
from .markup import html
from .static import ChartAxes, Line, Scale, chart

_MOST_CHARTS, _MOST_TICKS = 12, 5


def survival(sheet: Sheet) -> Section | None:
    """Return when runs reached the threshold: a chart for each task, and a row for each group.

    Raises:
        ConfigError: as `reach` describes.
    """
    if sheet.reach is None:
        return None
    cost = sheet.cost
    reached = {id(one.row): one for one in reach(sheet.comparison, sheet.reach, cost)}
    parts = task_parts([row for row in sheet.rows if id(row) in reached])
    groups = [[reached[id(row)] for row in rows] for _, rows in parts]
    names = {one.row.summary.metric.name for part in groups for one in part if one.row.summary}
    metric = names.pop() if len(names) == 1 else "metric"
    title = f"Share of runs that have reached validation {metric} {exact(sheet.reach)}"
    step = AXES[cost] if cost != "epochs" else sheet.step
    charts = [
        {
            "title": printable(name) if len(parts) > 1 else "",
            "chart": _chart(inside, printable(title), step),
            "names": [(css(one.row), _name(one, len(parts) > 1)) for one in inside],
        }
        for (name, _), inside in zip(parts, groups, strict=True)
    ][:_MOST_CHARTS]
    unit = UNITS[cost] if cost != "epochs" else f"{sheet.step}s"
    every = [one for part in groups for one in part]
    rows = [(css(one.row), reach_cells(one)) for one in every]
    body = html(
        "reach.html",
        charts=charts,
        titles=["group", "reached", f"median {unit}", "95 %", "p"],
        rows=rows,
        verdicts=[
            (css(one.row), text, _decided(one)) for one in every if (text := reach_verdict(one))
        ],
        note=reach_note(every),
    )
    heading = f"Training until validation {metric} {exact(sheet.reach)}"
    return Section("reach", printable(heading), body)


def _chart(groups: Sequence[Reached], title: str, across: str) -> object:
    end = max(cost for one in groups for cost in one.costs)
    frame = ChartAxes((0.0, end or 1.0), (0.0, 1.0), log=False)
    lines: list[tuple[str, list[Line]]] = []
    for one in groups:
        x, y = [0.0], [0.0]
        for at, left in zip((*one.survival.times, end), (*one.survival.share, None), strict=True):
            x += [at, at]
            y += [y[-1], y[-1] if left is None else 1 - left]
        lines.append((css(one.row), [("curve", x, y)]))
    ticks = Scale(frame.right, linear=True).ticks(_MOST_TICKS)
    return chart(frame, lines, title=title, across=across, ticks=ticks)


def _name(one: Reached, tasks: bool) -> str:
    return printable(one.row.group.variant if tasks else one.row.group.label)


def _decided(one: Reached) -> bool:
    return one.decision in ("earlier", "later")
