"""The section of learning curves, for each split and metric over each cost, beside the costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gatekit.compare.curves import AXES, Band, Curve, band, on_cost, on_one_grid
from gatekit.compare.deciding.row import Row, metric_text
from gatekit.compare.stats.intervals import Floats
from gatekit.compare.views.chart import Chart
from gatekit.compare.views.groups import scatter
from gatekit.compare.views.over_training import Learned, LearnedTask, learning
from gatekit.compare.views.rows import task_parts
from gatekit.runs.record import RunRecord
from gatekit.runs.result import ResultMetric

from .context import Section, Sheet
from .markup import html
from .to_data import MOST_POINTS, Charts

_MOST_SERIES, _MOST_TASKS = 6, 12
# Above this number, groups at the end of the table show only their mean and interval.
_MOST_VALUES = 400_000
_SPLITS = ("validation", "train", "test")

Series = tuple[str, str]
Members = Sequence[tuple[RunRecord, Mapping[Series, Curve]]]


def curves(sheet: Sheet) -> Section | None:
    """Return the learning curves of every run, including runs in progress, and the costs of groups.

    Only the first twelve tasks are drawn.
    """
    read = [
        [(run, _one_clock(sheet.read_curves(run))) for run in (*row.group.runs, *row.group.missing)]
        for row in sheet.rows
    ]
    seeds = _with_seeds(
        read, 1 + min(_MOST_SERIES, len({key for g in read for _, c in g for key in c}))
    )
    places = {id(row): place for place, row in enumerate(sheet.rows)}
    parts = task_parts(sheet.rows)
    tasks = [
        _Task(
            sheet,
            title if len(parts) > 1 else "",
            [(row, read[places[id(row)]], places[id(row)] < seeds) for row in rows],
        )
        for title, rows in parts[:_MOST_TASKS]
    ]
    options = _options(tasks)
    if not options:
        return None
    costs = [cost for cost in AXES if any(task.knows(cost) for task in tasks)]
    charts = [_chart(sheet, tasks, one, cost) for one in options for cost in costs]
    axes = {**AXES, "epochs": sheet.step}
    over = costs.index(sheet.cost) if sheet.cost in costs else 0
    labels = [_label(one, tasks) for one in options]
    known = Charts()
    known.add_choices(
        [
            ("split and metric", labels, 0),
            ("x axis", [f"over {axes[cost]}" for cost in costs], over),
        ],
        charts,
    )
    shown = [("How they learn", _caption(sheet, seeds))]
    cost = scatter(sheet.comparison)
    if cost is not None:
        known.add(cost)
        shown.append(("What it costs", "Small dots are runs, large marks are means."))
    body = html("charts.html", of="curves", charts=shown)
    return Section("curves", "Learning and cost", body, known.data())


class _Task:
    """The curves of one task's groups; a band is computed once and serves every cost."""

    def __init__(self, sheet: Sheet, title: str, groups: Sequence[tuple[Row, Members, bool]]):
        self.title, self.groups = title, groups
        self.metrics = {s.metric.name: s.metric for row, _, _ in groups if (s := row.summary)}
        self._bands: dict[tuple[int, Series], Band | None] = {}

    @property
    def known(self) -> set[Series]:
        return {key for _, members, _ in self.groups for _, curves in members for key in curves}

    def series(self, option: Series) -> Series:
        """Return the split and the metric; an option without a name is the metric of the task."""
        split, name = option
        return split, name or next(iter(self.metrics), "")

    def knows(self, cost: str) -> bool:
        """Return whether any run knows a cost."""
        for _, members, _ in self.groups:
            step = step_costs(members)
            for run, curves in members:
                for curve in curves.values():
                    if on_cost(curve, cost, step[run.id]) is not None:
                        return True
        return False

    def learned(self, option: Series, cost: str) -> list[Learned]:
        """Return the groups that have curves of a split and metric over a cost."""
        found = []
        for place, (row, members, with_seeds) in enumerate(self.groups):
            series, step = self.series(option), step_costs(members)
            counting: list[tuple[Curve, Curve]] = []
            others: list[tuple[Curve, Curve]] = []
            for run, curves in members:
                curve = curves.get(series)
                over = None if curve is None else on_cost(curve, cost, step[run.id])
                if curve is not None and over is not None:
                    (counting if run.counts else others).append((curve, over))
            if not counting and not others:
                continue
            every = [curves[series] for run, curves in members if run.counts and series in curves]
            if (place, series) not in self._bands:
                self._bands[place, series] = band(every) if every else None
            known = self._bands[place, series]
            if known is not None and cost != "epochs":
                known = self._moved(known, every, [over for _, over in counting], cost)
            drawn, unended = (tuple(over for _, over in part) for part in (counting, others))
            some = with_seeds or known is None
            name = row.group.variant if self.title else row.group.label
            found.append(Learned(row, name, drawn, known, unended if some else (), with_seeds))
        return found

    def _moved(
        self, known: Band, curves: Sequence[Curve], over: Sequence[Curve], cost: str
    ) -> Band | None:
        """Return a band over a cost; None if it is unknown for some of its runs."""
        if len(over) < len(curves):
            return None
        if _aligned(curves) and _aligned(over):
            return replace(known, epochs=over[0].epochs)
        return band(over if cost == "steps" else on_one_grid(over))


def _aligned(curves: Sequence[Curve]) -> bool:
    return all(np.array_equal(curve.epochs, curves[0].epochs) for curve in curves)


def _one_clock(curves: Mapping[Series, Curve]) -> dict[Series, Curve]:
    """Return curves whose metrics have the same seconds at an epoch; they differ by little."""
    seconds: dict[bytes, Floats] = {}
    return {
        key: replace(
            curve,
            costs={
                **curve.costs,
                "seconds": seconds.setdefault(curve.epochs.tobytes(), curve.costs["seconds"]),
            },
        )
        for key, curve in curves.items()
    }


def step_costs(group: Sequence[tuple[RunRecord, object]]) -> dict[str, dict[str, float]]:
    """Return the recorded tokens and operations of a training step of each run of a group, by id.

    A run without a record, such as a run in progress, gets those of another run; this is wrong
    if runs are pooled over a key such as ``units``.
    """
    found: dict[str, dict[str, float]] = {run.id: {} for run, _ in group}
    for cost, field in (("tokens", "step_tokens"), ("flops", "step_flops")):
        recorded = {run.id: getattr(run.result, field, None) for run, _ in group}
        known = next((each for each in recorded.values() if each), None)
        for run, each in recorded.items():
            if (step := each or known) is not None:
                found[run][cost] = step
    return found


def _chart(sheet: Sheet, tasks: Sequence[_Task], option: Series, cost: str) -> Chart | None:
    """Return the curves of one split and metric over a cost; a panel for each task that has any."""
    parts = []
    for task in tasks:
        groups = task.learned(option, cost)
        if groups:
            split, name = task.series(option)
            metric = task.metrics.get(name)
            of = f"{split} {metric_text(metric) if metric else name}"
            parts.append(LearnedTask(task.title, of, metric, groups))
    return learning(sheet.comparison, parts, cost, sheet.step) if parts else None


def _options(tasks: Sequence[_Task]) -> list[Series]:
    """Return splits and metrics, the primary ones first, which have no name with several tasks."""
    known = {
        (split, "" if len(tasks) > 1 and [*task.metrics] == [name] else name)
        for task in tasks
        for split, name in task.known
    }
    primary = {"", *(name for task in tasks for name in task.metrics)}

    def order(key: Series) -> tuple[int, bool, str]:
        split, metric = key
        place = _SPLITS.index(split) if split in _SPLITS else len(_SPLITS)
        return (place, metric not in primary, metric)

    return sorted(known, key=order)[:_MOST_SERIES]


def _label(option: Series, tasks: Sequence[_Task]) -> str:
    split, name = option
    named = {metric_text(m) for task in tasks for m in _metrics(task, name)}
    return f"{split} {named.pop() if len(named) == 1 else name}".strip()


def _metrics(task: _Task, name: str) -> list[ResultMetric]:
    return [metric for known, metric in task.metrics.items() if name in ("", known)]


def _with_seeds(read: Sequence[Members], series: int) -> int:
    """Return the number of groups, from the first, whose single seeds fit on the page.

    Args:
        read: the curves of all groups.
        series: number of lists of values of a run, including its seconds.
    """
    left = _MOST_VALUES
    for place, group in enumerate(read):
        longest = [max((len(c.epochs) for c in known.values()), default=0) for _, known in group]
        left -= series * sum(min(length, MOST_POINTS) for length in longest)
        if left < 0:
            return place
    return len(read)


def _caption(sheet: Sheet, seeds: int) -> str:
    caption = (
        "Thick lines: the mean over seeds with its 95 % t interval,"
        " up to the last epoch that all seeds reached; a band ends at the limits of the metric."
        " Thin lines: single seeds. Thin dashed lines: runs without an outcome. Over seconds, and"
        " over FLOPs that differ, seeds are interpolated between evaluations."
    )
    hidden = sum(not entry["shown"] for entry in sheet.entries)
    if hidden:
        groups = "group is" if hidden == 1 else "groups are"
        caption += f" {hidden} {groups} hidden at first: click a name, or all, to show it."
    if seeds < len(sheet.rows):
        caption += f" From group {seeds + 1} of the table on, single seeds are not shown."
    return caption
