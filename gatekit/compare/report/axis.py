"""The section for ``--x``: the metric over a swept key, one line per variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.compare.deciding.row import Row, Summary, metric_text
from gatekit.compare.figures.axis import line_styles
from gatekit.compare.figures.page import is_geometric
from gatekit.compare.figures.panels import task_parts
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.grouping.label import printable, value_text
from gatekit.compare.numbers import is_number

from .context import Section, Sheet
from .markup import html, number


def axis(sheet: Sheet) -> Section | None:
    """Return each variant's mean and interval over the key; a chart for each task."""
    key = sheet.x
    if key is None:
        return None
    parts = task_parts([row for row in sheet.rows if row.summary is not None], key)
    charts = [
        {"title": printable(title) if len(parts) > 1 else "", **_chart(rows, key)}
        for title, rows in parts
        if any(key in row.group.values for row in rows)
    ]
    if not charts:
        return None
    caption = "Mean over seeds with its t interval. Small dots are seeds."
    titles = [chart["title"] for chart in charts]
    body = html("plot.html", plot="axis", titles=titles, caption=caption)
    return Section("axis", f"Over {printable(key)}", body, {"charts": charts})


def _chart(rows: Sequence[Row], key: str) -> dict[str, Any]:
    values = [row.group.values.get(key) for row in rows]
    sizes = [v for v in values if is_number(v)]
    numeric = len(sizes) == len(values)
    words = sorted({value_text(value) for value in values})
    lines: dict[str, list[Row]] = {}
    for row in rows:
        rest = [name for name in row.group.values if name != key and not is_of_task(name)]
        lines.setdefault(row.group.part(rest, row.group.fallback), []).append(row)
    summary = next(row.summary for row in rows if row.summary)

    def place(row: Row) -> float:
        value = row.group.values.get(key)
        return float(value) if numeric and is_number(value) else words.index(value_text(value))

    return {
        "key": printable(key),
        "label": printable(f"{summary.split} {metric_text(summary.metric)}"),
        "log": numeric and is_geometric(sizes),
        "places": [[number(v), value_text(v)] for v in sorted(set(sizes))]
        if numeric
        else [[k, printable(word)] for k, word in enumerate(words)],
        "lines": [
            {
                "name": printable(name),
                "look": look.css,
                "points": [
                    {"at": number(place(row)), **_point(row)} for row in sorted(line, key=place)
                ],
            }
            for (name, line), look in zip(
                lines.items(), line_styles(list(lines.values())), strict=True
            )
        ],
    }


def _point(row: Row) -> dict[str, Any]:
    summary = row.summary
    if summary is None:
        return {"mean": None, "ends": None, "values": [], "n": 0, "diverged": 0}
    return {
        "mean": None if summary.mean is None else number(summary.mean),
        "ends": _ends(summary),
        "values": [number(value) for value in summary.values],
        "n": summary.n,
        "diverged": summary.diverged,
    }


def _ends(summary: Summary) -> list[float] | None:
    if summary.interval is None:
        return None
    return [number(summary.interval.low), number(summary.interval.high)]
