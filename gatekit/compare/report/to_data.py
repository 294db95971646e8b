"""A chart as plain data for the page's script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.compare.grouping.label import printable
from gatekit.compare.render.style import style_of
from gatekit.compare.views.chart import Axis, Chart, Mark, Panel

from .markup import number

_DIGITS = 6


def chart_data(chart: Chart) -> dict[str, Any]:
    """Return the series and the rows of panels of a chart."""
    return {
        "series": [
            {
                "name": printable(one.name),
                "note": printable(one.note),
                "look": style_of(one.style).css,
            }
            for one in chart.series
        ],
        "panels": [[_panel(panel) for panel in row] for row in chart.panels],
        "notes": list(map(printable, chart.notes)),
    }


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": printable(panel.title),
        "name": printable(panel.name),
        "x": _axis(panel.x),
        "y": _axis(panel.y),
        "tints": None if panel.tints is None else _axis(panel.tints),
        "beside": panel.beside,
        "marks": list(map(_mark, panel.marks)),
    }


def _axis(axis: Axis) -> dict[str, Any]:
    return {
        "title": _line(axis.title),
        "scale": axis.scale,
        "limits": None if axis.limits is None else _numbers(axis.limits),
        "names": list(map(printable, axis.names)),
        "places": _numbers(axis.places),
        "whole": axis.whole,
        "better": axis.better,
    }


def _mark(mark: Mark) -> dict[str, Any]:
    drawn = {"kind": mark.kind, "series": mark.series, "x": _numbers(mark.x), "y": _numbers(mark.y)}
    ways = {name: True for name in ("strong", "dotted", "steps") if getattr(mark, name)}
    more = {"ends": _numbers(mark.ends), "side": mark.side, "tips": list(map(_line, mark.tips))}
    return {**drawn, **ways, **{name: value for name, value in more.items() if value}}


def _line(text: str) -> str:
    return printable(text.replace("\n", " "))


def _numbers(values: Sequence[float]) -> list[float]:
    return [number(value, _DIGITS) for value in values]
