"""Tables as lines of text in which no number and no word is broken."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from textwrap import wrap

from rich.cells import cell_len

from gatekit.cell.terminal import escaped
from gatekit.compare.numbers import is_number

Block = tuple[str, Sequence[Sequence[str]]]
"""A label, and the rows of cells below it."""

_GAP = "  "


def in_lines(text: str, width: int) -> str:
    """Wrap text to ``width`` characters, or to its longest word if that is longer."""
    width = max([width, *map(len, text.split())])
    return "\n".join(wrap(text, width, break_long_words=False, break_on_hyphens=False))


def blocks(titles: Sequence[str], parts: Sequence[Block], width: int) -> list[tuple[str, bool]]:
    """Return a table whose labels have lines of their own, and whether each line is a label.

    The first column is left-aligned, the others are right-aligned.

    Args:
        titles: the headings of the columns.
        parts: labels with their rows; a row has a cell for each title.
        width: the width that labels are wrapped to.
    """
    cells = [row for _, rows in parts for row in rows]
    content = [max([0, *(cell_len(row[i]) for row in cells)]) for i in range(len(titles))]
    heads = [in_lines(t, n).split("\n") for t, n in zip(titles, content, strict=True)]
    widths = [max(n, *map(len, head)) for n, head in zip(content, heads, strict=True)]
    high = max(map(len, heads))

    def line(texts: Sequence[str]) -> str:
        padded = [
            text + room if place == 0 else room + text
            for place, text in enumerate(texts)
            for room in [" " * (widths[place] - cell_len(text))]
        ]
        return f"  {_GAP.join(padded)}".rstrip()

    tops = [[""] * (high - len(head)) + head for head in heads]
    lines = [(line([top[i] for top in tops]), False) for i in range(high)]
    rule = 2 + sum(widths) + len(_GAP) * (len(widths) - 1)
    lines.append((_dash() * rule, False))
    for label, rows in parts:
        wrapped = wrap(label, width, break_on_hyphens=False, subsequent_indent="    ")
        lines += [(text, True) for text in wrapped or [""]]
        lines += [(line(row), False) for row in rows]
    return lines


def table_or_blocks(
    titles: Sequence[str], records: Sequence[Mapping[str, object]], width: int
) -> list[str]:
    """Return records as a table, or one below the other if the table is too wide.

    Nothing is cut: a value that is longer than a line continues on the next line.

    Args:
        titles: the keys to show.
        records: one mapping per row.
        width: the width of a line.
    """
    rows = [[_cell(record.get(title)) for title in titles] for record in records]
    widths = [max([cell_len(t), *(cell_len(row[i]) for row in rows)]) for i, t in enumerate(titles)]
    filled = {t: [v for r in records if (v := r.get(t)) is not None] for t in titles}
    numeric = [bool(records) and all(map(is_number, filled[title])) for title in titles]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        lines = [_row(titles, widths, numeric), _GAP.join(_dash() * size for size in widths)]
        return [*lines, *(_row(row, widths, numeric) for row in rows)]
    lines = []
    for number, row in enumerate(rows, start=1):
        head = f"{_dash() * 2} row {number} "
        lines.append(head + _dash() * max(0, min(width, 80) - len(head)))
        lines += described(titles, row, width)
    return lines or [f"no rows; columns: {', '.join(titles)}"]


def described(titles: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """Return one row with a line for each cell; a long cell continues on the next line.

    A word is broken only if it is longer than a line.

    Args:
        titles: the name of each cell.
        row: the cells.
        width: the width of a line.
    """
    left = min(max(map(cell_len, titles), default=0), width // 2)
    lines = []
    for title, text in zip(titles, row, strict=True):
        name = title + " " * max(0, left - cell_len(title))
        room = max(10, width - len(name) - 2)
        first, *others = wrap(text, room, break_on_hyphens=False) or [""]
        lines += [f"{name}  {first}".rstrip(), *(" " * (len(name) + 2) + o for o in others)]
    return lines


def _row(texts: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = []
    for text, size, right in zip(texts, widths, numeric, strict=True):
        room = " " * (size - cell_len(text))
        padded.append(room + text if right else text + room)
    return _GAP.join(padded).rstrip()


def _cell(value: object) -> str:
    return "" if value is None else escaped(str(value))


def _dash() -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return "\N{BOX DRAWINGS LIGHT HORIZONTAL}" if encoding.lower().startswith("utf") else "-"
