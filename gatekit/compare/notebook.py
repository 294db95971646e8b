"""Studies and comparisons as `gatekit.load` and `gatekit.compare` return them: with pictures.

Tables and figures are made from a comparison, so they cannot be part of its module.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import GatekitError

from . import comparison as plain
from . import study as runs
from .output.table import footer
from .output.table_text import heading, table_cells, tasks_cells, tasks_heading
from .overview import overview
from .several import several_tasks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Study(runs.Study):
    """A study that a notebook shows as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return study_html(self)


class Comparison(plain.Comparison):
    """A comparison with figures, which a notebook shows as a table."""

    __slots__ = ()

    def figure(
        self, kind: str = "curves", *, columns: int = 1, x: str | None = None
    ) -> Figure | None:
        """Return one of the figures of ``gatekit compare --draw`` as a matplotlib ``Figure``.

        Args:
            kind: ``curves``, ``axis``, ``forest``, ``heatmap``, ``parallel``, ``scatter``,
                ``critical`` or ``profile``.
            columns: width in paper columns, 1 or 2.
            x: the swept key of ``axis``.

        Returns:
            The figure; None if there is nothing to draw.

        Raises:
            ConfigError: the kind does not exist, or does not fit the comparison.
        """
        from .figures.kinds import figure

        return figure(kind, self, columns=columns, x=x)

    def _repr_html_(self) -> str:
        return comparison_html(self)


@functools.wraps(runs.load)
def load(study: str, root: Path | str = "experiments") -> Study:
    """Read all runs of a study; see ``gatekit.compare.study.load``."""
    return Study(**_fields(runs.load(study, root)))


@functools.wraps(plain.compare)
def compare(*arguments: Any, **options: Any) -> Comparison:
    """Compare the groups of a study; see ``gatekit.compare.comparison.compare``."""
    return Comparison(**_fields(plain.compare(*arguments, **options)))


def _fields(whole: Any) -> dict[str, Any]:
    return {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}


def comparison_html(comparison: plain.Comparison) -> str:
    """Return the tables of a comparison, its verdicts and notes; every string is escaped."""
    bold = [row.is_baseline for row in comparison.rows]
    parts = [_table(heading(comparison), table_cells(comparison), bold)] if bold else []
    several = several_tasks(comparison)
    if several is not None:
        best = [variant.is_baseline for variant in several.variants]
        parts.append(_table(tasks_heading(several), tasks_cells(several), best))
    lines = "".join(f"<li>{escape(text)}</li>" for text, _ in footer(comparison))
    return f"{''.join(parts)}<ul>{lines}</ul>"


def study_html(study: runs.Study) -> str:
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
        found = plain.compare(study)
    except GatekitError as error:
        return f"{head}<p>{escape(str(error))}</p>"
    return head + (_table(heading(found), table_cells(found), []) if found.rows else "")


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], bold: Sequence[bool]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = []
    for place, row in enumerate(rows):
        tag = "th" if place < len(bold) and bold[place] else "td"
        cells = "".join(f"<{tag}>{escape(text)}</{tag}>" for text in row)
        lines.append(f"<tr>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
