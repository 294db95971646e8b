"""Print a comparison as a table in the terminal."""

from __future__ import annotations

import os
import sys
from textwrap import wrap
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatekit.cell.terminal import console, line_width
from gatekit.compare.answer import answer
from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.finding import is_answered
from gatekit.compare.deciding.notes import first_notes
from gatekit.compare.grouping.label import printable
from gatekit.compare.several import SeveralTasks, no_table_notes, several_tasks
from gatekit.compare.stats.paired_tests import ALPHA

from .columns import blocks, described, in_lines
from .table_cells import (
    COSTS,
    groups_table,
    tasks_notes,
    tasks_table,
)

_MOST_LISTED = 20
_WIDEST, _GAP = 40, 3


def print_table(
    comparison: Comparison,
    file: TextIO | None = None,
    width: int | None = None,
    all_notes: bool = False,
) -> None:
    """Print the answer, the table, and at most three notes.

    A decided group is bold and has a star. Colour and weight are used only on a terminal, and never
    if ``NO_COLOR`` is set. A narrow table omits the columns of costs, then puts each label
    on a line of its own, then each cell.

    Args:
        comparison: the result of ``compare``.
        file: the output; None means standard output.
        width: number of columns; None means the terminal's width, or ``COLUMNS``, or 80.
        all_notes: print the missing runs, the verdicts in full, and all notes.
    """
    stream = file or sys.stdout
    plain = not stream.isatty() or "NO_COLOR" in os.environ
    shown = console(
        stream,
        width=width or line_width(stream),
        color_system=None if plain else "auto",
        force_terminal=None if stream.isatty() else False,
        highlight=False,
        markup=False,
        emoji=False,
        safe_box=True,
        legacy_windows=False,
    )
    several = several_tasks(comparison)
    first, *others = answer(comparison, several).lines
    shown.print(Text(f"study {printable(comparison.study.name)}: {first}", style="bold"))
    for line in others:
        shown.print(Text(line))
    if comparison.rows:
        _print_groups(shown, stream, comparison)
    if several is not None:
        bold = [
            variant.difference is not None and variant.difference.decision in ("better", "worse")
            for variant in several.variants
        ]
        over = tasks_table(several)
        titles, cells = list(over.columns), [list(row) for row in over.rows]
        if _narrowest(titles, cells) <= shown.width:
            shown.print(_table(stream, titles, cells, bold))
        else:
            _print_described(shown, titles, cells, bold)
    for line in footer(comparison, several, all_notes):
        shown.print(Text(line, style="dim"))


def _print_groups(shown: Console, stream: TextIO, comparison: Comparison) -> None:
    """Print the table of groups with as many columns as fit."""
    groups = groups_table(comparison)
    titles, cells = list(groups.columns), [list(row) for row in groups.rows]
    bold = [is_answered(row) for row in comparison.rows]
    if "p" in titles:
        at = titles.index("p")
        for row, strong in zip(cells, bold, strict=True):
            row[at] += " *" if strong else "  "
    dropped: list[str] = []
    for needed in (_narrowest, _stacked):
        names, rows = titles, cells
        while needed(names, rows) > shown.width and names[-1] in COSTS:
            names, rows = names[:-1], [row[:-1] for row in rows]
        dropped = titles[len(names) :]
        if needed(names, rows) <= shown.width:
            break
    else:
        dropped = []
        _print_described(shown, titles, cells, bold)
        needed = None
    if needed is _narrowest:
        shown.print(_table(stream, names, rows, bold))
    elif needed is _stacked:
        _print_stacked(shown, names, rows, bold)
    if any(bold) and "p" in titles:
        shown.print(Text(_decided_if(comparison), style="dim"))
    if dropped:
        text = f"no room for {' and '.join(dropped)}: widen the terminal, or type --json"
        shown.print(Text(text, style="dim"))


def _decided_if(comparison: Comparison) -> str:
    """Return the meaning of a star."""
    if comparison.study.interim is None:
        return f"* decided: p below {ALPHA:g}"
    return "* decided: p below the level that was spent at its look"


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


def _stacked(titles: list[str], rows: list[list[str]]) -> int:
    """Return the width of a table in which every label has a line of its own."""
    lines = blocks(titles[1:], [("", [row[1:]]) for row in rows], 1)
    return max(cell_len(line) for line, _ in lines)


def _print_stacked(
    shown: Console, titles: list[str], cells: list[list[str]], bold: list[bool]
) -> None:
    """Print a table that is too wide with every label on a line of its own."""
    shown.print()
    strong = False
    marks = iter(bold)
    parts = [(row[0], [row[1:]]) for row in cells]
    for line, is_label in blocks(titles[1:], parts, shown.width):
        strong = next(marks, strong) if is_label and not line.startswith("    ") else strong
        shown.print(
            Text(line, style="bold" if strong else ""),
            no_wrap=True,
            overflow="ignore",
            crop=False,
        )


def _print_described(
    shown: Console, titles: list[str], cells: list[list[str]], bold: list[bool]
) -> None:
    """Print a table whose numbers do not fit side by side: a line for each cell."""
    for (label, *row), strong in zip(cells, bold, strict=True):
        known = [(title, text) for title, text in zip(titles[1:], row, strict=True) if text.strip()]
        lines = wrap(label, shown.width, break_on_hyphens=False, subsequent_indent="    ")
        named, texts = [title for title, _ in known], [text for _, text in known]
        lines += [f"  {line}" for line in described(named, texts, shown.width - 2)]
        shown.print()
        for line in lines:
            shown.print(Text(line, style="bold" if strong else ""))
    shown.print()


def _table(
    stream: TextIO,
    titles: list[str],
    rows: list[list[str]],
    bold: list[bool],
) -> Table:
    unicode = (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")
    widths = [max([0, *(cell_len(row[i]) for row in rows)]) for i in range(len(titles))]
    heads = [titles[0], *(in_lines(t, w) for t, w in zip(titles[1:], widths[1:], strict=True))]
    table = Table(
        box=box.SIMPLE_HEAD if unicode else box.ASCII2,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column(Text(heads[0]), overflow="fold", min_width=_longest_word(titles, rows))
    for name in heads[1:]:
        table.add_column(Text(name), justify="right", no_wrap=True, overflow="fold")
    for texts, strong in zip(rows, bold, strict=True):
        table.add_row(*map(Text, texts), style="bold" if strong else "")
    return table


def notes(comparison: Comparison, several: SeveralTasks | None) -> list[str]:
    """Return all notes: on the runs, on the intervals, and on the table over all tasks."""
    lines = list(comparison.notes)
    if any(row.summary is not None and row.summary.interval for row in comparison.rows):
        lines.append(
            "[low, high] is the 95 % t interval over seeds; those of differences hold together for"
            " all comparisons of the table"
        )
    lines += no_table_notes(comparison) if several is None else tasks_notes(several)
    return [printable(text) for text in lines]


def missing_lines(comparison: Comparison) -> list[str]:
    """Return a line for each run without an outcome, including damaged runs; at most twenty."""
    lines = []
    for run in comparison.missing:
        seed = "" if run.seed is None else f" seed {run.seed}"
        reason = f": {' '.join(run.reason.split())}" if run.reason else ""
        lines.append(printable(f"{run.state} {run.id}{seed}{reason}"))
    if len(lines) <= _MOST_LISTED:
        return lines
    return [*lines[:_MOST_LISTED], f"and {len(lines) - _MOST_LISTED} more; `--json` lists all"]


def footer(comparison: Comparison, several: SeveralTasks | None, all_notes: bool) -> list[str]:
    """Return the lines below the table: three notes, or all of them after the missing runs."""
    if all_notes:
        every = [f"note: {text}" for text in notes(comparison, several)]
        verdicts = [f"{row.verdict}." for row in comparison.rows if row.verdict]
        return [*missing_lines(comparison), *map(printable, verdicts), *every]
    first = [printable(note.text) for note in first_notes(comparison.remarks)]
    rest = len(notes(comparison, several)) - len(first)
    more = [f"{rest} more with --notes"] if rest else []
    return [*(f"note: {text}" for text in first), *more]
