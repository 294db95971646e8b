"""``gatekit studies``: all studies in a folder."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatekit.cell.terminal import line_width
from gatekit.cli.options import Parser
from gatekit.cli.output import print_text, write_json

if TYPE_CHECKING:
    from gatekit.compare.overview import Overview

_COLUMNS = ("study", "runs", "variants", "tasks", "metrics", "changed")
_SHORT = ("study", "runs", "variants", "changed")
_FORMS = ((_COLUMNS, 3), (_COLUMNS, 1), (_COLUMNS, 0), (_SHORT, 0))


def run(parser: Parser) -> int:
    """List the studies, most recently changed first.

    Returns:
        0, or 1 if a study cannot be read.
    """
    parser.add_root()
    parser.add_json()
    options = parser.read()

    from gatekit.compare.output.columns import table_or_blocks
    from gatekit.compare.overview import overviews

    every = overviews(options.root)
    if options.json:
        write_json([dataclasses.asdict(one) for one in every])
    else:
        width = line_width(sys.stdout)
        # If the table is too wide, tasks and metrics are counted, then omitted.
        tables = [
            table_or_blocks(names, [_row(o, most) for o in every], width) for names, most in _FORMS
        ]
        for line in min(tables, key=len):
            print_text(line)
        for one in every:
            if one.error:
                print_text(f"{one.study} cannot be read: {one.error}")
    return int(any(one.error for one in every))


def _row(one: Overview, most: int) -> dict[str, object]:
    changed = one.changed[:16].replace("T", " ")
    row: dict[str, object] = {"study": one.study, "runs": one.counts or "none"}
    row |= {"variants": one.variants, "changed": changed}
    return row | {"tasks": _few(one.tasks, most), "metrics": _few(one.metrics, most)}


def _few(names: Sequence[str], most: int) -> str:
    """Return names, or their number if there are many."""
    return ", ".join(names) if len(names) <= most else str(len(names))
