"""The section for ``--reach``: how much training each group needed, as charts and a table."""

from __future__ import annotations

from gatekit.compare.budget.reach import Reached, reach
from gatekit.compare.budget.text import reach_cells, reach_note, reach_verdict
from gatekit.compare.grouping.label import printable
from gatekit.compare.numbers import exact
from gatekit.compare.options import UNITS
from gatekit.compare.views.kinds import Asked, chart

from .context import Section, Sheet, css
from .markup import html
from .to_data import Charts


def survival(sheet: Sheet) -> Section | None:
    """Return when runs reached the threshold: a chart for each task, and a row for each group.

    Raises:
        ConfigError: as `reach` describes.
    """
    if sheet.reach is None:
        return None
    cost = sheet.cost
    reached = {id(one.row): one for one in reach(sheet.comparison, sheet.reach, cost)}
    every = [reached[id(row)] for row in sheet.rows if id(row) in reached]
    names = {one.row.summary.metric.name for one in every if one.row.summary}
    metric = names.pop() if len(names) == 1 else "metric"
    shown = chart("survival", sheet.comparison, Asked(over=cost, reach=sheet.reach))
    unit = UNITS[cost] if cost != "epochs" else f"{sheet.step}s"
    rows = [(css(one.row), reach_cells(one)) for one in every]
    body = html(
        "reach.html",
        drawn=shown is not None,
        titles=["group", "reached", f"median {unit}", "95 %", "p"],
        rows=rows,
        verdicts=[
            (css(one.row), text, _decided(one)) for one in every if (text := reach_verdict(one))
        ],
        note=reach_note(every),
    )
    heading = f"Training until validation {metric} {exact(sheet.reach)}"
    known = Charts()
    if shown is not None:
        known.add(shown)
    return Section("reach", printable(heading), body, known.data())


def _decided(one: Reached) -> bool:
    return one.decision in ("earlier", "later")
