"""One panel for each task, or for each metric, so that no group is left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.grouping.keys import is_of_task

from .page import plottable

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Panel = tuple[str, Comparison]
"""The title of a panel, and the comparison that it shows."""

_TITLE = 0.16


def by_task(comparison: Comparison, x: str | None = None) -> list[Panel]:
    """Return a panel for each task, with labels that do not repeat the task.

    Variants have the same order in each panel.

    Args:
        comparison: the comparison.
        x: the swept key of the figure, which may be an option of the task.
    """
    parts = task_parts([row for row in comparison.rows if row.summary is not None], x)
    if len(parts) < 2:
        return [("", comparison)]
    place = {row.group.variant: i for i, row in reversed(list(enumerate(comparison.rows)))}
    panels = []
    for title, rows in parts:
        ordered = sorted(rows, key=lambda row: place[row.group.variant])
        inside = tuple(_without_task(row, x) for row in ordered)
        panels.append((title, dataclasses.replace(comparison, rows=inside)))
    return panels


def task_parts(rows: Sequence[Row], x: str | None = None) -> list[tuple[str, list[Row]]]:
    """Return the rows of each task with the task's label, in the order of the rows.

    Args:
        rows: rows of a comparison.
        x: the swept key of the figure, which may be an option of the task.
    """
    parts: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        task = tuple((k, row.group.value(k)) for k in row.group.values if _names_task(k, x))
        parts.setdefault(task, []).append(row)
    return [
        (inside[0].group.part([key for key, _ in task], "task"), inside)
        for task, inside in parts.items()
    ]


def by_metric(comparison: Comparison) -> list[Panel]:
    """Return a panel for each metric."""
    parts: dict[str, list[Row]] = {}
    for row in comparison.rows:
        if row.summary is not None:
            parts.setdefault(metric_text(row.summary.metric), []).append(row)
    if len(parts) < 2:
        return [("", comparison)]
    return [(n, dataclasses.replace(comparison, rows=tuple(rows))) for n, rows in parts.items()]


def paint_panels(
    figure: Figure,
    panels: Sequence[Panel],
    paint: Callable[[Figure, Comparison], Sequence[str]],
) -> list[str]:
    """Draw panels below each other, each as high as it would be alone.

    Returns:
        The ids of all runs that are drawn.
    """
    if len(panels) == 1:
        return list(paint(figure, panels[0][1]))
    from matplotlib.figure import Figure

    kept, heights = [], []
    for panel in panels:
        trial = Figure(figsize=tuple(figure.get_size_inches()), layout="constrained")
        if paint(trial, panel[1]):
            kept.append(panel)
            heights.append(trial.get_figheight() + _TITLE)
    if not kept:
        return []
    figure.set_figheight(sum(heights))
    parts: Any = figure.subfigures(len(kept), 1, height_ratios=heights, squeeze=False)
    runs: list[str] = []
    for part, height, (title, comparison) in zip(parts[:, 0], heights, kept, strict=True):
        one = _Part(part, figure.get_figwidth(), height - _TITLE)
        runs += paint(cast("Figure", one), comparison)
        part.axes[0].set_title(plottable(title), loc="left", fontweight="bold")
    return runs


class _Part:
    """A part of a figure, with the size that it would have as a separate figure."""

    def __init__(self, part: SubFigure, width: float, height: float) -> None:
        self._part, self._width, self._height = part, width, height

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)

    def get_figwidth(self) -> float:
        return self._width

    def get_figheight(self) -> float:
        return self._height

    def set_figheight(self, height: float) -> None:
        self._height = height


def _names_task(key: str, x: str | None) -> bool:
    return is_of_task(key) and key != x


def _without_task(row: Row, x: str | None) -> Row:
    values = {key: value for key, value in row.group.values.items() if not _names_task(key, x)}
    label = row.group.part(values, row.group.fallback)
    return dataclasses.replace(
        row, group=dataclasses.replace(row.group, label=label, values=values), name=label
    )
