"""``gatekit studies``: all studies in a folder."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root
from gatekit.cli.output import write, write_json

_COLUMNS = ("study", "runs", "variants", "tasks", "metric", "changed")
_STATES = ("done", "failed", "running", "waiting")
_FEW = 2


def run(name: str, argv: Sequence[str]) -> int:
    """List the studies, the one that changed last first.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0, or 1 if a study cannot be read.
    """
    parser = Parser(name, COMMANDS[name].summary)
    add_root(parser)
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.read(argv)

    from gatekit.compare.output.columns import table_or_blocks
    from gatekit.compare.overview import overviews

    found = overviews(options.root)
    if options.json:
        write_json([dataclasses.asdict(one) for one in found])
    else:
        rows: list[dict[str, Any]] = []
        for one in found:
            counts = {state: getattr(one, state) for state in _STATES}
            runs = [f"{count} {state}" for state, count in counts.items() if count]
            row = {"study": one.study, "runs": ", ".join(runs) or "none", "variants": one.variants}
            row |= {"tasks": _few(one.tasks, "tasks"), "metric": _few(one.metrics, "metrics")}
            rows.append({**row, "changed": one.changed[:16].replace("T", " ")})
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 80
        for line in table_or_blocks(_COLUMNS, rows, width):
            write(line)
        for one in found:
            if one.error:
                write(f"{one.study} cannot be read: {one.error}")
    return int(any(one.error for one in found))


def _few(names: Sequence[str], word: str) -> str:
    """Return names, or their number if there are many."""
    return ", ".join(names) if len(names) <= _FEW else f"{len(names)} {word}"
