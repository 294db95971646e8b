"""The input and the output of every section of a report, and how groups look in all of them."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from markupsafe import Markup

from gatekit.compare.comparison import Comparison
from gatekit.compare.curves import Curve, read_curves, step_name
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.label import printable
from gatekit.compare.options import check
from gatekit.compare.render.style import style_of
from gatekit.compare.several import SeveralTasks, several_tasks
from gatekit.compare.views.rows import shown_rows, task_parts
from gatekit.runs.record import RunRecord
from gatekit.runs.studies import plan_file

_SHOWN = 12


class GroupEntry(TypedDict):
    """A group in the data of the page's script."""

    label: str
    variant: str
    look: str
    shown: bool


@dataclass(frozen=True)
class Sheet:
    """The input of a report.

    Attributes:
        comparison: the result of ``compare``.
        command: the command line of the comparison.
        trained: the command lines that started the runs.
        x: a swept key; if given, the metric is drawn over its values.
        waiting: number of planned runs that have not started.
        plugins: plugin files outside the folders that gatekit scans.
        over: the horizontal axis of learning curves when the page opens; None means the cost of
            the comparison's budget, or epochs.
        read_curves: returns the learning curves of a run.
    """

    comparison: Comparison
    command: str
    trained: Sequence[str] = ()
    x: str | None = None
    waiting: int = 0
    plugins: tuple[str, ...] = ()
    over: str | None = None
    read_curves: Callable[[RunRecord], Mapping[tuple[str, str], Curve]] = read_curves

    @functools.cached_property
    def several(self) -> SeveralTasks | None:
        """Return the variants over all tasks; None with one task."""
        return several_tasks(self.comparison)

    @functools.cached_property
    def entries(self) -> list[GroupEntry]:
        """Return the groups for the page's script.

        When the page opens, it shows the baselines, decided groups and the best of each task.
        ``variant`` is the label without the task, for charts of one task.
        """
        parts = task_parts(self.rows)
        most = _SHOWN if len(parts) == 1 else _SHOWN // 2
        shown = {id(row) for _, inside in parts for row in shown_rows(inside, most)}
        return [
            {
                "label": printable(row.group.label),
                "variant": printable(row.group.variant if len(parts) > 1 else row.group.label),
                "look": css(row),
                "shown": id(row) in shown,
            }
            for row in self.rows
        ]

    @property
    def cost(self) -> str:
        """Return the axis of learning curves when the page opens."""
        at = self.comparison.at
        return self.over or (at.cost if at is not None else "epochs")

    @property
    def step(self) -> str:
        """Return the name of an epoch: an evaluation if steps set the length of training."""
        return step_name(self.comparison.study.runs)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the groups, best first; sections refer to them by index."""
        return self.comparison.rows


def sheet(
    comparison: Comparison,
    arguments: Sequence[str],
    x: str | None,
    plugins: Sequence[str],
    over: str | None = None,
) -> Sheet:
    """Return the input of the report on a comparison.

    Raises:
        ConfigError: ``over`` is not a cost.
    """
    check(over=over)
    typed = ["gatekit", "compare", *arguments]
    typed += [] if over is None else ["--over", over]
    study = comparison.study
    return Sheet(
        comparison,
        shlex.join(typed),
        tuple(plan_file.commands(study.path)),
        x,
        len(study.planned),
        tuple(plugins),
        over,
    )


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: the anchor, and the name of ``data`` in the page's script.
        title: the heading, and the entry in the page's menu.
        body: HTML below the heading.
        data: plain data for the page's script, without NaN.
    """

    key: str
    title: str
    body: Markup
    data: Mapping[str, object] | None = None


Builder = Callable[[Sheet], Section | None]
"""Builds a section; returns None if the study has nothing to show in it."""


def css(row: Row) -> str:
    """Return the CSS classes of a group: the colour and the dashes of its variant."""
    return style_of(row.style_index).css
