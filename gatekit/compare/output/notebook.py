"""HTML of a comparison and of a study, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gatekit.cell.errors import GatekitError
from gatekit.cell.notebook import table
from gatekit.compare.comparison import Comparison, compare
from gatekit.compare.overview import overview
from gatekit.compare.several import several_tasks
from gatekit.compare.study import Study

from .answer import is_answered
from .table import answer, footer
from .table_text import heading, table_cells, tasks_cells, tasks_heading


def comparison_html(comparison: Comparison) -> str:
    """Return the answer, the tables of a comparison and the notes; every string is escaped."""
    parts = [_lines([text for text, _ in answer(comparison)])]
    if comparison.rows:
        bold = [is_answered(row) for row in comparison.rows]
        parts.append(table(table_cells(comparison), heading(comparison), bold=bold))
    several = several_tasks(comparison)
    if several is not None:
        parts.append(table(tasks_cells(several), tasks_heading(several)))
    return "".join([*parts, _lines([text for text, _ in footer(comparison)])])


def study_html(study: Study) -> str:
    """Return how many runs a study has, in which states, and the comparison of its groups."""
    known = overview(study)
    counts = [
        f"{count} {state}"
        for state in ("done", "failed", "running", "waiting")
        if (count := getattr(known, state))
    ]
    facts = ", ".join(counts) or "no runs"
    head = f"<p>study <b>{escape(study.name)}</b>: {escape(facts)}</p>"
    try:
        found = compare(study)
    except GatekitError as error:
        return f"{head}<p>{escape(str(error))}</p>"
    return head + (table(table_cells(found), heading(found)) if found.rows else "")


def _lines(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""
