"""HTML of a comparison and of a study, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gatekit.cell.notebook import table
from gatekit.compare.answer import answer
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import is_answered
from gatekit.compare.grouping.group import group_runs
from gatekit.compare.grouping.label import printable
from gatekit.compare.overview import overview
from gatekit.compare.several import several_tasks
from gatekit.compare.study import Study
from gatekit.study.launch.following import FollowedRun

from .table import footer
from .table_cells import groups_table, tasks_table

_MOST = 12


def comparison_html(comparison: Comparison) -> str:
    """Return the answer, the tables of a comparison and the notes; every string is escaped."""
    several = several_tasks(comparison)
    parts = [_lines(answer(comparison, several).lines)]
    if comparison.rows:
        bold = [is_answered(row) for row in comparison.rows]
        groups = groups_table(comparison)
        parts.append(table(groups.rows, groups.columns, bold=bold))
    if several is not None:
        parts.append(tasks_table(several)._repr_html_())
    return "".join([*parts, _lines(footer(comparison, several, all_notes=False))])


def study_html(study: Study) -> str:
    """Return the runs of a study by state, and the progress of running ones."""
    known = overview(study)
    facts = escape(known.counts or "no runs")
    return f"<p>study <b>{escape(study.name)}</b>: {facts}</p>{_running(study)}"


def _lines(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def _running(study: Study) -> str:
    """Return how far the runs in progress are, as a list; empty if there are none."""
    labels = {
        run.path: f"{group.label} seed={run.seed}"
        for group in group_runs(study.every).groups
        for run in group.missing
        if run.state == "RUNNING"
    }
    lines = []
    for path, label in list(labels.items())[:_MOST]:
        following = FollowedRun(path)
        following.update()
        lines.append(f"{printable(label)}: {following.summary()}")
    if len(labels) > _MOST:
        lines.append(f"and {len(labels) - _MOST} more")
    return _lines(lines)
