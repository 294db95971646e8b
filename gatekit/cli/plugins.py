"""``gatekit plugins``: every plugin with what it provides, the broken ones with their error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arguments import Parser
from .commands import COMMANDS
from .output import write_json, write_table
from .place import place

KINDS = ("gates", "output_units", "cells", "functions", "initializers", "linear_maps", "tasks")


def run(name: str, argv: Sequence[str]) -> int:
    """List the plugins.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("--json", action="store_true", help="write JSON, with tracebacks")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE.py", help="also load this plugin"
    )
    options = parser.read(argv)
    rows = entries(tuple(options.plugin))
    if options.json:
        write_json(rows)
    else:
        shown = [{**row, "provides": row["reason"] or ", ".join(row["provides"])} for row in rows]
        write_table(shown, ("name", "state", "provides", "origin"))
    return 0


def entries(plugins: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the plugins, those that work first, each sorted by name.

    Args:
        plugins: files of further plugins.

    Returns:
        Objects with ``name``, ``origin``, ``reference``, ``state`` (``loaded`` or ``broken``),
        ``provides``, ``reason`` and ``traceback``.
    """
    from gatekit.registry import broken, origins

    loaded: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        for name, origin in origins(kind, plugins).items():
            row = loaded.setdefault(origin.plugin, _row(origin.plugin, place(origin), "loaded"))
            row["provides"].append(f"{kind}.{name}")
    failed = [
        {
            **_row(b.name, str(b.path or b.name), "broken"),
            "reason": b.reason,
            "traceback": b.traceback,
        }
        for b in broken(plugins)
    ]
    return [
        *sorted(loaded.values(), key=lambda row: str(row["name"])),
        *sorted(failed, key=lambda row: str(row["name"])),
    ]


def _row(name: str, origin: str, state: str) -> dict[str, Any]:
    return {
        "name": name,
        "origin": origin,
        "reference": "",
        "state": state,
        "provides": [],
        "reason": "",
        "traceback": "",
    }
