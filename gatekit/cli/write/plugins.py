"""``gatekit plugins``: list plugins with what they provide, or with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_plugins
from gatekit.cli.output import write, write_json, write_table

from .listing import requirements
from .place import file_place, place

KINDS = (
    "gates",
    "output_units",
    "blocks",
    "cells",
    "functions",
    "initializers",
    "linear_maps",
    "tasks",
)


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
    add_plugins(parser)
    parser.add_argument(
        "--requirements", action="store_true", help="write a requirements file for pip"
    )
    options = parser.read(argv)
    rows = entries(tuple(options.plugin))
    if options.requirements:
        write(requirements([row for row in rows if row["state"] == "loaded"]))
    elif options.json:
        write_json(rows)
    else:
        shown = [{**row, "provides": _provides(row)} for row in rows]
        write_table(shown, ("name", "state", "provides", "origin"))
    return 0


def entries(plugins: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the plugins: yours, the broken ones, then gatekit's own, each sorted by name.

    Args:
        plugins: files of additional plugins.

    Returns:
        Objects with ``name origin distribution version reference state`` (``loaded`` or
        ``broken``), ``hooks provides reason traceback``, and ``reverted``: the changes that the
        plugin made to the process on import and that gatekit reverted.
    """
    from gatekit.registry import broken, origins, plugin_origins, reverted

    changes = reverted(plugins)

    loaded = {
        plugin.name: {
            **_row(plugin.name, place(plugin), "loaded"),
            "distribution": plugin.distribution or "",
            "version": plugin.version or "",
            "hooks": list(plugin.hooks),
            "reverted": list(changes.get(plugin.name, ())),
            # Hooks whose objects have no names are listed by the hook.
            "provides": [
                hook.removeprefix("gatekit_")
                for hook in plugin.hooks
                if hook.removeprefix("gatekit_") not in KINDS
            ],
        }
        for plugin in plugin_origins(plugins)
    }
    for kind in KINDS:
        for name, origin in origins(kind, plugins).items():
            loaded[origin.plugin]["provides"].append(f"{kind}.{name}")
    failed = [
        {
            **_row(b.name, file_place(b.path) if b.path else b.name, "broken"),
            "version": b.version or "",
            "reason": b.reason,
            "traceback": b.traceback,
        }
        for b in broken(plugins)
    ]
    return sorted([*loaded.values(), *failed], key=_position)


def _position(row: dict[str, Any]) -> tuple[bool, bool, str]:
    """Return what a row is sorted by: your own plugins are not lost among gatekit's."""
    return row["origin"] == "gatekit", row["state"] != "loaded", str(row["name"])


def _row(name: str, origin: str, state: str) -> dict[str, Any]:
    return {
        "name": name,
        "origin": origin,
        "distribution": "",
        "version": "",
        "hooks": [],
        "reference": "",
        "state": state,
        "provides": [],
        "reason": "",
        "traceback": "",
        "reverted": [],
    }


def _provides(row: dict[str, Any]) -> str:
    if row["reason"]:
        return str(row["reason"])
    changes = f" ({'; '.join(row['reverted'])}: reverted)" if row["reverted"] else ""
    return ", ".join(row["provides"]) + changes
