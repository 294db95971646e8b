"""Which groups a chart shows, in which panels, and the texts of its axes and its legend."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import is_answered
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.grouping.group import Group
from gatekit.compare.grouping.keys import is_of_task
from gatekit.compare.output.table_cells import count_text

from .chart import Axis, Series

_DECADES = 1.5
_MOST_DECIDED = 24
_GEOMETRIC = 8

T = TypeVar("T")


class Grouped(Protocol):
    """A row of a comparison, or a probed variant."""

    @property
    def group(self) -> Group:
        """The runs, and the keys in which they differ from others."""
        ...


G = TypeVar("G", bound=Grouped)
Part = tuple[str, Comparison]
"""The title of a row of panels, and the comparison that it shows."""


def by_task(comparison: Comparison, x: str | None = None) -> list[Part]:
    """Return the comparison of each task, with labels that do not repeat the task.

    Variants have the same order in each. With one task, its title is empty.

    Args:
        comparison: the comparison.
        x: the swept key of the chart, which may be an option of the task.
    """
    parts = task_parts([row for row in comparison.rows if row.summary is not None], x)
    if len(parts) < 2:
        return [("", _of_one_metric(comparison))]
    place = {row.group.variant: i for i, row in reversed(list(enumerate(comparison.rows)))}
    return [
        (
            title,
            _of_one_metric(
                dataclasses.replace(
                    comparison,
                    rows=tuple(
                        _without_task(row, x)
                        for row in sorted(rows, key=lambda row: place[row.group.variant])
                    ),
                )
            ),
        )
        for title, rows in parts
    ]


def by_metric(comparison: Comparison) -> list[Part]:
    """Return the comparison of each metric."""
    parts: dict[str, list[Row]] = {}
    for row in comparison.rows:
        if row.summary is not None:
            parts.setdefault(metric_text(row.summary.metric), []).append(row)
    return [
        (name if len(parts) > 1 else "", dataclasses.replace(comparison, rows=tuple(rows)))
        for name, rows in parts.items()
    ]


def task_parts(rows: Sequence[G], x: str | None = None) -> list[tuple[str, list[G]]]:
    """Return the rows of each task with the task's label, in the order of the rows.

    Args:
        rows: rows of a comparison.
        x: the swept key of the chart, which may be an option of the task.
    """
    parts: dict[tuple[Any, ...], list[G]] = {}
    for row in rows:
        task = tuple((k, row.group.value(k)) for k in row.group.values if _names_task(k, x))
        parts.setdefault(task, []).append(row)
    return [
        (inside[0].group.part([key for key, _ in task], "task"), inside)
        for task, inside in parts.items()
    ]


def _names_task(key: str, x: str | None) -> bool:
    return is_of_task(key) and key != x


def _without_task(row: Row, x: str | None) -> Row:
    values = {key: value for key, value in row.group.values.items() if not _names_task(key, x)}
    label = row.group.part(values, row.group.fallback)
    return dataclasses.replace(
        row, group=dataclasses.replace(row.group, label=label, values=values), name=label
    )


def _of_one_metric(comparison: Comparison) -> Comparison:
    """Return a comparison of the rows with an outcome that share the first one's metric."""
    rows = [row for row in comparison.rows if row.summary is not None]
    metrics = [(s.metric.name, s.metric.unit) for row in rows if (s := row.summary)]
    alike = [row for row, metric in zip(rows, metrics, strict=True) if metric == metrics[0]]
    return dataclasses.replace(comparison, rows=tuple(alike))


def shown_rows(rows: Sequence[Row], most: int) -> list[Row]:
    """Return the first ``most`` rows, the baselines, and the first 24 others that are decided.

    Args:
        rows: rows, best first; their order is kept.
        most: number of rows that are kept even if they are undecided.
    """
    decided = [row for row in rows[most:] if is_answered(row)][:_MOST_DECIDED]
    kept = {id(row) for row in (*rows[:most], *decided)}
    return [row for row in rows if row.is_baseline or id(row) in kept]


def some_of(shown: int, total: int, what: str = "groups") -> list[str]:
    """Return the note that a chart leaves out groups; empty if it shows all of them."""
    return [f"{shown} of {total} {what}"] if shown < total else []


def run_ids(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the ids of all runs of the rows that have an outcome, each once."""
    return tuple(dict.fromkeys(run.id for row in rows for run in row.group.runs))


def run_tip(run: str, seed: int | None) -> str:
    """Return the label of a single run in a chart."""
    return f"run {run}" + ("" if seed is None else f", seed {seed}")


class Legend(Generic[T]):
    """Collects the series of a chart; a group has one entry in all panels.

    Args:
        note: returns the note of a series from all that was added to it.
    """

    def __init__(self, note: Callable[[list[T]], str]) -> None:
        self._note = note
        self._entries: dict[Hashable, tuple[str, int, list[T]]] = {}

    def add(self, name: str, style: int, item: T) -> int:
        """Return the index of a series, which is added if it is new."""
        _, _, items = self._entries.setdefault((name, style), (name, style, []))
        items.append(item)
        return list(self._entries).index((name, style))

    @property
    def series(self) -> tuple[Series, ...]:
        """Return the series in the order in which they were added."""
        return tuple(
            Series(name, style, self._note(items)) for name, style, items in self._entries.values()
        )


def counted(rows: Sequence[Row]) -> str:
    """Return the number of runs of a group, which has a row for each task: ``n = 8 per task``."""
    return _count(rows) + (" per task" if len(rows) > 1 else "") + _diverged(rows)


def counted_together(rows: Sequence[Row]) -> str:
    """Return the number of runs of each of several groups: ``n = 5 to 8, 1 diverged``."""
    return _count(rows) + _diverged(rows)


def _count(rows: Sequence[Row]) -> str:
    texts = list(dict.fromkeys(count_text(row) for row in rows))
    if len(texts) == 1:
        return f"n = {texts[0]}"
    counts = [row.summary.n for row in rows if row.summary]
    low, high = min(counts, default=0), max(counts, default=0)
    return f"n = {low}" + (f" to {high}" if low < high else "")


def _diverged(rows: Sequence[Row]) -> str:
    diverged = sum(row.summary.diverged for row in rows if row.summary)
    return f", {diverged} diverged" if diverged else ""


def metric_title(rows: Sequence[Row], before: str = "") -> str:
    """Return the title of an axis with the rows' metric, its split and unit."""
    summary = next(row.summary for row in rows if row.summary is not None)
    return f"{before or summary.split} {metric_text(summary.metric)}"


def metric_axis(rows: Sequence[Row], values: Sequence[float], before: str = "") -> Axis:
    """Return the axis of the rows' metric, logarithmic if the values span decades."""
    sign = next((row.summary.metric.sign for row in rows if row.summary is not None), 0)
    log = bool(values) and spans_decades(values)
    return Axis(metric_title(rows, before), "log" if log else "linear", better=sign)


def spans_decades(values: Sequence[float]) -> bool:
    """Return whether positive values spread so far that a logarithmic axis is better."""
    return min(values) > 0 and math.log10(max(values) / min(values)) > _DECADES


def is_geometric(values: Sequence[float]) -> bool:
    """Return whether the values of a setting belong on a logarithmic axis."""
    return min(values) > 0 and max(values) >= _GEOMETRIC * min(values)
