"""Export a comparison as a LaTeX table (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gatekit.compare.comparison import Comparison
from gatekit.compare.grouping.label import printable
from gatekit.compare.several import several_tasks

from .table import answer, footer
from .table_text import heading, table_cells, tasks_cells, tasks_heading

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After the end of a row, LaTeX would read a bracket as an option of the line break.
    "[": "{[}",
    "]": "{]}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def to_latex(comparison: Comparison) -> str:
    """Return the table for a paper that loads ``booktabs``; the notes follow as comments."""
    lines = _tabular(heading(comparison), table_cells(comparison))
    several = several_tasks(comparison)
    if several is not None:
        lines += ["", *_tabular(tasks_heading(several), tasks_cells(several))]
    lines += [f"% {text}" for text, _ in (*answer(comparison), *footer(comparison))]
    return "\n".join(lines) + "\n"


def _tabular(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}",
        r"\toprule",
        _line(titles),
        r"\midrule",
        *map(_line, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _line(texts: Sequence[str]) -> str:
    return " & ".join(map(escaped, texts)) + r" \\"


def escaped(text: str) -> str:
    """Return text with LaTeX's special characters escaped and minus signs in math mode."""
    safe = "".join(_SPECIAL.get(character, character) for character in printable(text))
    return _NEGATIVE.sub("$-$", safe)
