"""``gatekit cells`` and its like: what is registered, and by whom."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .arguments import Parser
from .commands import COMMANDS
from .output import write_json, write_table
from .place import file_place, place

if TYPE_CHECKING:
    from gatekit.cell.catalogue import Catalogue

_REFERENCE = re.compile(r"^\s*References?:\s*(\S.*(?:\n(?!\s*\n).*)*)", re.MULTILINE)


def run(name: str, argv: Sequence[str]) -> int:
    """List one kind of what is registered.

    Args:
        name: the command's name, which says the kind.
        argv: its arguments.

    Returns:
        0.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("--json", action="store_true", help="write a JSON list of objects")
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="also load this plugin; may be given again",
    )
    options = parser.read(argv)
    rows = entries(name.replace("-", "_"), tuple(options.plugin))
    if options.json:
        write_json(rows)
    else:
        columns = ("name", "summary", "reference", "origin")
        write_table(rows, [key for key in columns if any(row[key] for row in rows)])
    return 0


def entries(kind: str, plugins: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return what is registered of a kind, sorted by name.

    Args:
        kind: ``cells``, ``gates``, ``output_units``, ``tasks`` or ``functions``.
        plugins: files of further plugins.

    Returns:
        Objects with ``name``, ``summary``, ``reference`` and ``origin``.
    """
    from gatekit.registry import catalogue, cell_names, origins

    known = catalogue(plugins)
    if kind == "cells":
        places = {name: file_place(path) for name, path in cell_names(plugins).items()}
    else:
        places = {name: place(origin) for name, origin in origins(kind, plugins).items()}
    registered = _registered(kind, known, tuple(places), plugins)
    return [
        # what no plugin provides is gatekit's own
        {"name": name, **_about(registered[name]), "origin": places.get(name, "gatekit")}
        for name in sorted(registered)
    ]


def _registered(
    kind: str, known: Catalogue, names: Sequence[str], plugins: Sequence[str]
) -> Mapping[str, Any]:
    from gatekit.registry import load_cell, tasks

    if kind == "cells":
        return {name: dict(load_cell(name, known, plugins).about) for name in names}
    found: Mapping[str, Any] = tasks(plugins) if kind == "tasks" else getattr(known, kind)
    return found


def _about(thing: Any) -> dict[str, str]:
    if isinstance(thing, Mapping):
        return {
            "summary": str(thing.get("notes", "")),
            "reference": str(thing.get("reference", "")),
        }
    text = (inspect.getdoc(thing) if inspect.isclass(thing) else thing.summary) or ""
    match = _REFERENCE.search(text)
    return {
        "summary": " ".join(text.split("\n\n")[0].replace("``", "").split()),
        "reference": " ".join(match.group(1).split()) if match else "",
    }
