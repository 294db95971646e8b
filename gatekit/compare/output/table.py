"""Print a comparison as a table in the terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich import box
from rich.table import Table
from rich.text import Text

from gatekit.cell.terminal import console
from gatekit.compare.comparison import Comparison
from gatekit.compare.grouping.label import printable
from gatekit.compare.several import several_tasks

from .table_text import heading, table_cells, tasks_cells, tasks_heading, tasks_notes

_MOST_LISTED = 20


def print_table(
    comparison: Comparison, file: TextIO | None = None, width: int | None = None
) -> None:
    """Print the table, a verdict per pair, missing runs, and notes.

    Colour is used only on a terminal, and never if ``NO_COLOR`` is set.

    Args:
        comparison: the result of ``compare``.
        file: the output; None means standard output.
        width: number of columns; None means the terminal's width, or 100 without a terminal.
    """
    stream = file or sys.stdout
    plain = not stream.isatty() or "NO_COLOR" in os.environ
    columns = width or (100 if not stream.isatty() else None)
    shown = console(
        stream,
        width=columns,
        color_system=None if plain else "auto",
        force_terminal=None if stream.isatty() else False,
        highlight=False,
        markup=False,
        emoji=False,
        safe_box=True,
        legacy_windows=False,
    )
    bold = [row.is_baseline for row in comparison.rows]
    title = f"study {printable(comparison.study.name)}"
    if comparison.rows:
        cells = table_cells(comparison)
        shown.print(_table(stream, heading(comparison), cells, bold, title))
    several = several_tasks(comparison)
    if several is not None:
        bold = [variant.is_baseline for variant in several.variants]
        shown.print(_table(stream, tasks_heading(several), tasks_cells(several), bold))
    for line, style in footer(comparison):
        shown.print(Text(line, style=style))


def _table(
    stream: TextIO,
    titles: list[str],
    rows: list[list[str]],
    bold: list[bool],
    title: str | None = None,
) -> Table:
    unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    table = Table(
        box=box.SIMPLE_HEAD if unicode else box.ASCII2,
        title=None if title is None else Text(title, style="bold"),
        title_justify="left",
        pad_edge=False,
        header_style="bold",
    )
    for position, name in enumerate(titles):
        table.add_column(Text(name), justify="left" if position < 1 else "right", overflow="fold")
    for texts, strong in zip(rows, bold, strict=True):
        table.add_row(*map(Text, texts), style="bold" if strong else "")
    return table


def footer(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the lines under the table with their style: verdicts, missing runs, notes."""
    verdicts = [f"{text}." for row in comparison.rows if (text := row.verdict) is not None]
    lines = [(text, "") for text in _shortened(verdicts)]
    lines += [(text, "yellow") for text in missing_lines(comparison)]
    return [(printable(text), style) for text, style in lines] + [
        (f"note: {text}", "dim") for text in notes(comparison)
    ]


def notes(comparison: Comparison) -> list[str]:
    """Return the notes: first the method of the intervals, then those of the comparison."""
    methods = {
        row.summary.interval.method
        for row in comparison.rows
        if row.summary is not None and row.summary.interval is not None
    }
    level = f"{comparison.level * 100:g} %"
    lines = [
        f"[low, high] is the {level} {method} interval of the mean over seeds"
        for method in sorted(methods)
    ]
    several = several_tasks(comparison)
    lines += [] if several is None else tasks_notes(several)
    return [printable(text) for text in (*lines, *comparison.notes)]


def missing_lines(comparison: Comparison) -> list[str]:
    """Return a line for each run without an outcome, including damaged runs; at most twenty."""
    lines = []
    for run in comparison.missing:
        seed = "" if run.seed is None else f" seed {run.seed}"
        reason = f": {' '.join(run.reason.split())}" if run.reason else ""
        lines.append(f"{run.state} {run.id}{seed}{reason}")
    return _shortened(lines)


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _MOST_LISTED:
        return lines
    return [*lines[:_MOST_LISTED], f"and {len(lines) - _MOST_LISTED} more; `--json` lists all"]
