"""The sections of charts that files have, too: over a swept key, and every other kind."""

from __future__ import annotations

from gatekit.cell.errors import GatekitError
from gatekit.compare.grouping.label import printable
from gatekit.compare.views.chart import Chart
from gatekit.compare.views.groups import keys_of
from gatekit.compare.views.kinds import Asked, chart

from .context import Section, Sheet
from .markup import html
from .to_data import Charts

_KINDS = {
    "forest": "Dots are seeds, the bar is the t interval; filled and thick is decided.",
    "heatmap": "The frame marks the best mean.",
}
"""What is shown without further keys, and how it is read. The others have their own sections."""


def axis(sheet: Sheet) -> Section | None:
    """Return each variant's mean and interval over the key of ``--x``; a panel for each task."""
    if sheet.x is None:
        return None
    known = any(sheet.x in row.group.values for row in sheet.rows if row.summary)
    shown = _chart("axis", sheet) if known else None
    caption = "Mean over seeds with its t interval. Small dots are seeds."
    charts = [] if shown is None else [("", caption, shown)]
    return _section("axis", f"Over {printable(sheet.x)}", charts)


def figures(sheet: Sheet) -> Section | None:
    """Return the charts of a comparison that need no further key."""
    found = [(caption, _chart(kind, sheet)) for kind, caption in _KINDS.items()]
    shown = [(one.title, caption, one) for caption, one in found if one is not None]
    return _section("figures", "Figures", shown)


def _chart(kind: str, sheet: Sheet) -> Chart | None:
    if kind == "heatmap" and len(keys_of(sheet.rows)) != 2:
        return None
    try:
        return chart(kind, sheet.comparison, Asked(sheet.x))
    except GatekitError:  # there is nothing to draw
        return None


def _section(key: str, title: str, shown: list[tuple[str, str, Chart]]) -> Section | None:
    if not shown:
        return None
    known = Charts()
    for *_, one in shown:
        known.add(one)
    body = html("charts.html", of=key, charts=[part[:2] for part in shown])
    return Section(key, title, body, known.data())
