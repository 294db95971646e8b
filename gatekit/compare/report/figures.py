"""The sections of charts that files have, too: over a swept key, differences, cost, a sweep."""

from __future__ import annotations

from gatekit.cell.errors import GatekitError
from gatekit.compare.grouping.label import printable
from gatekit.compare.views.chart import Chart
from gatekit.compare.views.groups import keys_of
from gatekit.compare.views.kinds import Asked, chart

from .context import Section, Sheet
from .markup import html
from .to_data import chart_data

_KINDS = ("forest", "scatter", "heatmap", "profile")


def axis(sheet: Sheet) -> Section | None:
    """Return each variant's mean and interval over the key of ``--x``; a panel for each task."""
    if sheet.x is None:
        return None
    known = any(sheet.x in row.group.values for row in sheet.rows if row.summary)
    shown = chart("axis", sheet.comparison, Asked(sheet.x)) if known else None
    caption = "Mean over seeds with its t interval. Small dots are seeds."
    charts = {} if shown is None else {"": shown}
    return _section("axis", f"Over {printable(sheet.x)}", charts, caption)


def figures(sheet: Sheet) -> Section | None:
    """Return the charts of a comparison that need no further key."""
    shown = {}
    for kind in _KINDS:
        found = _chart(kind, sheet)
        if found is not None:
            shown[found.title] = found
    caption = (
        "Differences: dots are seeds, the bar is the t interval; filled and thick is decided."
        " Cost: small dots are runs, large marks are means. Keyboard: the arrow keys move between"
        " the marks."
    )
    return _section("figures", "Figures", shown, caption)


def _chart(kind: str, sheet: Sheet) -> Chart | None:
    if kind == "heatmap" and len(keys_of(sheet.rows)) != 2:
        return None
    try:
        return chart(kind, sheet.comparison, Asked())
    except GatekitError:  # such as too few tasks for a profile
        return None


def _section(key: str, title: str, shown: dict[str, Chart], caption: str) -> Section | None:
    if not shown:
        return None
    charts = list(map(chart_data, shown.values()))
    body = html("plot.html", plot="panels", of=key, titles=list(shown), caption=caption)
    return Section(key, title, body, {"charts": charts})
