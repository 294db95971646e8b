"""Print a comparison as a table in the terminal."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatekit.cell.terminal import console
from gatekit.compare.comparison import Comparison
from gatekit.compare.grouping.label import printable
from gatekit.compare.several import several_tasks

from .columns import blocks, in_lines
from .table_text import heading, table_cells, tasks_cells, tasks_heading, tasks_notes

_MOST_LISTED = 20
_WIDEST, _GAP = 40, 3


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
        titles, cells = heading(comparison), table_cells(comparison)
        if _narrowest(titles, cells) <= shown.width:
            shown.print(_table(stream, titles, cells, bold, title))
        else:
            _print_stacked(shown, titles, cells, title)
    several = several_tasks(comparison)
    if several is not None:
        bold = [variant.is_baseline for variant in several.variants]
        shown.print(_table(stream, tasks_heading(several), tasks_cells(several), bold))
    for line, style in footer(comparison):
        shown.print(Text(line, style=style))


def _longest_word(titles: list[str], rows: list[list[str]]) -> int:
    words = [word for row in rows for word in row[0].split()]
    return max(len(titles[0]), *(min(_WIDEST, cell_len(word)) for word in words), 0)


def _narrowest(titles: list[str], rows: list[list[str]]) -> int:
    """Return the width below which a table would cut a number or break a word."""
    widths = [_longest_word(titles, rows)]
    for place, title in enumerate(titles[1:], start=1):
        content = max([0, *(cell_len(row[place]) for row in rows)])
        widths.append(max(map(len, in_lines(title, content).split("\n"))))
        widths[-1] = max(widths[-1], content)
    return sum(widths) + _GAP * (len(widths) - 1) + 2


def _print_stacked(shown: Console, titles: list[str], cells: list[list[str]], title: str) -> None:
    """Print a table that is too wide with every label on a line of its own."""
    shown.print(Text(title, style="bold"))
    parts = [(row[0], [row[1:]]) for row in cells]
    for line, is_label in blocks(titles[1:], parts, shown.width):
        shown.print(
            Text(line, style="bold" if is_label else ""),
            no_wrap=True,
            overflow="ignore",
            crop=False,
        )


def _table(
    stream: TextIO,
    titles: list[str],
    rows: list[list[str]],
    bold: list[bool],
    title: str | None = None,
) -> Table:
    unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    widths = [max([0, *(cell_len(row[i]) for row in rows)]) for i in range(len(titles))]
    heads = [titles[0], *(in_lines(t, w) for t, w in zip(titles[1:], widths[1:], strict=True))]
    table = Table(
        box=box.SIMPLE_HEAD if unicode else box.ASCII2,
        title=None if title is None else Text(title, style="bold"),
        title_justify="left",
        pad_edge=False,
        header_style="bold",
    )
    table.add_column(Text(heads[0]), overflow="fold", min_width=_longest_word(titles, rows))
    for name in heads[1:]:
        table.add_column(Text(name), justify="right", no_wrap=True, overflow="fold")
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
