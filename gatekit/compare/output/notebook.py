"""HTML of a comparison and of a study, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gatekit.cell.errors import GatekitError
from gatekit.compare.comparison import Comparison, compare
from gatekit.compare.grouping.group import group_runs
from gatekit.compare.grouping.label import printable
from gatekit.compare.overview import overview
from gatekit.compare.several import several_tasks
from gatekit.compare.study import Study
from gatekit.runs.following import Following

from .table import footer
from .table_text import heading, table_cells, tasks_cells, tasks_heading

_MOST = 12


def comparison_html(comparison: Comparison) -> str:
    """Return the tables of a comparison, its verdicts and notes; every string is escaped."""
    bold = [row.is_baseline for row in comparison.rows]
    parts = [_table(heading(comparison), table_cells(comparison), bold)] if bold else []
    several = several_tasks(comparison)
    if several is not None:
        best = [variant.is_baseline for variant in several.variants]
        parts.append(_table(tasks_heading(several), tasks_cells(several), best))
    lines = "".join(f"<li>{escape(text)}</li>" for text, _ in footer(comparison))
    return f"{''.join(parts)}<ul>{lines}</ul>"


def study_html(study: Study) -> str:
    """Return the runs of a study by state, the progress of running ones, and the comparison."""
    known = overview(study)
    counts = [
        f"{count} {state}"
        for state in ("done", "failed", "running", "waiting")
        if (count := getattr(known, state))
    ]
    facts = ", ".join(counts) or "no runs"
    head = f"<p>study <b>{escape(study.name)}</b>: {escape(facts)}</p>{_running(study)}"
    try:
        found = compare(study)
    except GatekitError as error:
        return f"{head}<p>{escape(str(error))}</p>"
    return head + (_table(heading(found), table_cells(found), []) if found.rows else "")


def _running(study: Study) -> str:
    """Return how far the runs in progress are, as a list; empty if there are none."""
    labels = {
        run.path: f"{group.label} seed={run.seed}"
        for group in group_runs(study.runs).groups
        for run in group.missing
        if run.state == "RUNNING"
    }
    lines = []
    for path, label in list(labels.items())[:_MOST]:
        following = Following(path)
        following.update()
        lines.append(f"<li>{escape(printable(label))}: {escape(following.words())}</li>")
    if len(labels) > _MOST:
        lines.append(f"<li>and {len(labels) - _MOST} more</li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[bool]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = []
    for place, row in enumerate(rows):
        tag = "th" if place < len(bold) and bold[place] else "td"
        cells = "".join(f"<{tag}>{escape(text)}</{tag}>" for text in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
