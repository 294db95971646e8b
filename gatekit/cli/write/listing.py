"""``gatekit gates``, ``output-units``, ``blocks`` and others: list what is registered."""

from __future__ import annotations

import contextlib
import inspect
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit._version import __version__
from gatekit.cell.errors import GatekitError
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_plugins
from gatekit.cli.output import WIDTH, write, write_json, write_table

from .place import file_place, place

TESTED = "tested"
"""Status of a bundled object: gatekit's own tests run the conformance suite on it."""
_REFERENCE = re.compile(r"^\s*References?:\s*(\S.*(?:\n(?!\s*\n).*)*)", re.MULTILINE)


def run(name: str, argv: Sequence[str]) -> int:
    """List one kind of registered objects.

    Args:
        name: the command's name, which is the kind.
        argv: its arguments.

    Returns:
        0.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("--json", action="store_true", help="write a JSON list of objects")
    add_plugins(parser)
    parser.add_argument(
        "--requirements", action="store_true", help="write a requirements file for pip"
    )
    options = parser.read(argv)
    plugins = tuple(options.plugin)
    rows = entries(name.replace("-", "_"), plugins)
    if options.requirements:
        write(requirements(rows))
    elif options.json:
        write_json(rows)
    else:
        columns = ("name", "summary", "metric", "chance", "checks", "origin")
        write_table(rows, [key for key in columns if any(row.get(key) for row in rows)])
        write_broken(plugins)
    return 0


def requirements(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the lines for ``pip install -r``; plugin files are listed as comments."""
    lines = {f"gatekit=={__version__}"}
    for row in rows:
        if row["distribution"]:
            lines.add(f"{row['distribution']}=={row['version']}")
        elif row["origin"] != "gatekit":
            lines.add(f"# copy this file: {row['origin']}")
    return "\n".join(sorted(lines, key=lambda line: (line.startswith("#"), line)))


def write_broken(plugins: Sequence[str]) -> None:
    """Write which plugins were left out, and why."""
    from gatekit.registry import broken

    for plugin in broken(plugins):
        where = file_place(plugin.path) if plugin.path else plugin.version or ""
        text = f"left out: {plugin.name} ({where}): {plugin.reason}"
        write(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def entries(kind: str, plugins: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the registered objects of a kind, sorted by name.

    Args:
        kind: ``gates``, ``output_units``, ``blocks``, ``tasks`` or ``functions``.
        plugins: files of additional plugins.

    Returns:
        Objects with ``name summary reference origin distribution version hooks``. Those from
        plugins also have ``checks`` and ``hash``; tasks also have ``metric direction unit chance``.
    """
    from gatekit.registry import catalogue, origins, tasks

    sources = origins(kind, plugins)
    registered: Mapping[str, Any] = (
        tasks(plugins) if kind == "tasks" else getattr(catalogue(plugins), kind)
    )
    rows = []
    for name in sorted(registered):
        origin = sources.get(name)
        rows.append(
            {
                "name": name,
                **_about(registered[name]),
                **(_scored(registered[name]) if kind == "tasks" else {}),
                # Without a plugin, the object is built into gatekit.
                "origin": place(origin) if origin else "gatekit",
                "distribution": (origin.distribution if origin else None) or "",
                "version": (origin.version if origin else None) or "",
                "hooks": list(origin.hooks) if origin else [],
                **(_checked(kind, name, plugins, place(origin) == "gatekit") if origin else {}),
            }
        )
    return rows


def _checked(kind: str, name: str, plugins: Sequence[str], bundled: bool) -> dict[str, str]:
    from gatekit.registry import check_results, object_hash

    source = object_hash(kind, name, plugins)
    record = check_results.lookup(source).get(f"{kind}.{name}")
    # tests/testing/test_bundled.py runs the suite on each bundled object
    tested = record is None and bundled
    return {"hash": source, "checks": TESTED if tested else check_results.status(record)}


def _scored(task: Any) -> dict[str, Any]:
    chance = None
    # Chance may be computed from a package's data, which a listing does not load.
    if task.source is None:
        with contextlib.suppress(GatekitError):
            chance = task().chance()
    metric = task.metric
    return {
        "metric": metric.name,
        "direction": metric.direction,
        "unit": metric.unit,
        "chance": None if chance is None else float(f"{chance:.4g}"),
    }


def _about(registered: Any) -> dict[str, str]:
    text = (inspect.getdoc(registered) if inspect.isclass(registered) else registered.summary) or ""
    match = _REFERENCE.search(text)
    return {
        "summary": " ".join(text.split("\n\n")[0].replace("``", "").split()),
        "reference": " ".join(match.group(1).split()) if match else "",
    }
