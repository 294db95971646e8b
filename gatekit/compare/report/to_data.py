"""A chart as plain data for the page's script."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from gatekit.compare.grouping.label import printable
from gatekit.compare.render.style import style_of
from gatekit.compare.views.chart import Chart

from .markup import number

_DIGITS = 6


def chart_data(chart: Chart) -> dict[str, Any]:
    """Return the series, the rows of panels and the notes of a chart."""
    looks = [{**_plain(one), "look": style_of(one.style).css} for one in chart.series]
    return {"series": looks, "panels": _plain(chart.panels), "notes": _plain(chart.notes)}


def _plain(value: object) -> Any:
    if isinstance(value, str):
        return printable(value.replace("\n", " "))
    if isinstance(value, float):
        return number(value, _DIGITS)
    if isinstance(value, tuple):
        return list(map(_plain, value))
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
