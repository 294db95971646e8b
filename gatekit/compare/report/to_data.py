"""A chart as plain data for the page's script."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from gatekit.compare.grouping.label import printable
from gatekit.compare.render.style import style_of
from gatekit.compare.views.chart import Axis, Chart, Mark, Panel

from .markup import number

MOST_POINTS = 400
"""Lines and bands with more points are thinned to this number."""

_DIGITS, _DIGITS_OF_LINES = 7, 5
_LINES = ("line", "band")
_LISTS = ("x", "y", "ends", "tips")
_DEFAULTS = {field.name: field.default for kind in (Axis, Mark, Panel) for field in fields(kind)}


class Charts:
    """The charts of a section; each distinct list of numbers or labels is stored once.

    Charts of the same runs over epochs, steps and seconds share most of their lists.
    """

    def __init__(self) -> None:
        self._lists: list[list[Any]] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._charts: list[dict[str, Any]] = []

    def add(self, chart: Chart) -> None:
        """Add a chart."""
        self._charts.append(self._chart(chart))

    def add_choices(self, choices: list[tuple[str, list[str], int]], charts: list[Any]) -> None:
        """Add charts of which one is shown.

        Args:
            choices: the name of each choice, its options, and which of them is chosen at first.
            charts: a chart, or None, for each combination; the last choice varies fastest.
        """
        shown = [None if chart is None else self._chart(chart) for chart in charts]
        self._charts.append({"choices": _plain(tuple(choices)), "charts": shown})

    def data(self) -> dict[str, Any]:
        """Return the data of the section."""
        return {"charts": self._charts, "lists": self._lists}

    def _chart(self, chart: Chart) -> dict[str, Any]:
        looks = [
            {"name": printable(s.name), "note": printable(s.note), "look": style_of(s.style).css}
            for s in chart.series
        ]
        panels = [[self._part(panel) for panel in row] for row in chart.panels]
        return {"series": looks, "panels": panels, "notes": _plain(chart.notes)}

    def _part(self, part: Axis | Mark | Panel) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        kept = _kept(part) if isinstance(part, Mark) else None
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name == "marks":
                shown["marks"] = list(map(self._part, value))
            elif isinstance(value, Axis):
                shown[field.name] = self._part(value)
            elif isinstance(part, Mark) and field.name in _LISTS:
                if value:
                    inside = kept is not None and len(value) == len(part.x)
                    chosen = tuple(value[k] for k in kept) if inside and kept else value
                    digits = _DIGITS_OF_LINES if part.kind in _LINES else _DIGITS
                    shown[field.name] = self._place(chosen, digits)
            elif value != _DEFAULTS[field.name]:
                shown[field.name] = _plain(value)
        return shown

    def _place(self, values: tuple[Any, ...], digits: int) -> int:
        if values not in self._places:
            shown = _plain(values, digits)
            # Numbers that differ by less than is shown have one list, too.
            place = self._places.setdefault(tuple(shown), len(self._lists))
            if place == len(self._lists):
                self._lists.append(shown)
            self._places[values] = place
        return self._places[values]


def _kept(mark: Mark) -> list[int] | None:
    """Return which points of a line or a band are shown: an even selection with both ends."""
    if mark.kind not in _LINES or len(mark.x) <= MOST_POINTS:
        return None
    return list(np.unique(np.linspace(0, len(mark.x) - 1, MOST_POINTS).round().astype(int)))


def _plain(value: object, digits: int = _DIGITS) -> Any:
    if isinstance(value, str):
        return printable(value.replace("\n", " "))
    if isinstance(value, float):
        return int(value) if value.is_integer() else number(value, digits)
    if isinstance(value, tuple | list):
        return [_plain(one, digits) for one in value]
    return value
