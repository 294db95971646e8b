"""Commands that list what is registered: gates, tasks, cells and others, and plugins."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import re
import sys
import textwrap
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError, nearest, one_line, shown
from gatekit.cell.terminal import line_width
from gatekit.cli.options import Parser
from gatekit.cli.output import WIDTH, print_text, write_json, write_list, write_table
from gatekit.faults import Whole

if TYPE_CHECKING:
    from gatekit.cell.catalogue import Catalogue
    from gatekit.cell.graph import Cell
    from gatekit.cell.language.ops import Function
    from gatekit.cell.schema import CellSpec
    from gatekit.registry import Origin
    from gatekit.tasks.task import Task


"""Status of a bundled object: gatekit's own tests run the conformance suite on it."""
_MORE = {
    "gates": "`gatekit show cell=lstm swap.forget=NAME` shows a gate; --json has all.",
    "output-units": "`gatekit show cell=lstm output_unit=NAME` shows one; --json has all.",
    "blocks": "`gatekit show cell=lstm block=NAME` shows a block; --json has all.",
    "functions": "--json has all.",
    "tasks": "`gatekit tasks NAME` describes a task; --json has all.",
}
"""What shows the rest of a list whose summaries are cut, by command."""
_REFERENCE = re.compile(r"^\s*References?:\s*(\S.*(?:\n(?!\s*\n).*)*)", re.MULTILINE)

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
"""The kinds whose objects have names."""


def objects(parser: Parser) -> int:
    """List the registered objects of the kind that the command is named after, or show a task."""
    if parser.command == "tasks":
        parser.add_argument("name", nargs="?", help="show what is known of this task")
    options = _options(parser, "write a JSON list of objects")
    if name := vars(options).get("name"):
        return _show_task(name, options)
    rows = entries(parser.command.replace("-", "_"), options.plugin)
    if options.requirements:
        print_text(requirements(rows))
    elif options.json:
        write_json(rows)
    else:
        columns = ["name", "summary", "metric", "chance"]
        if any(row["origin"] != "gatekit" for row in rows):
            columns.append("origin")
        known = [key for key in columns if any(row.get(key) for row in rows)]
        write_list(rows, known, "summary", _MORE[parser.command])
        write_broken(options.plugin)
    return 0


def _show_task(name: str, options: Namespace) -> int:
    from gatekit.registry import tasks
    from gatekit.tasks.describe import as_text, describe

    known = tasks(options.plugin)
    if name not in known:
        near = nearest(name, known) or "."
        raise ConfigError(f"{name}: there is no such task{near} `gatekit tasks` lists all tasks.")
    described = describe(name, known[name])
    if options.json:
        write_json(described)
    else:
        print_text(as_text(described, line_width(sys.stdout)))
    return 0


def plugins(parser: Parser) -> int:
    """List the plugins with what they provide, or with their errors."""
    options = _options(parser, "write JSON, with tracebacks")
    rows = plugin_entries(options.plugin)
    if options.requirements:
        print_text(requirements([row for row in rows if row["state"] == "loaded"]))
    elif options.json:
        write_json(rows)
    else:
        rows = [{**row, "provides": _provides(row)} for row in rows]
        write_table(rows, ("name", "state", "provides", "origin"))
    return 0


def _options(parser: Parser, json: str) -> Namespace:
    parser.add_json(json)
    parser.add_plugins()
    parser.add_argument(
        "--requirements", action="store_true", help="write a requirements file for pip"
    )
    return parser.read()


def requirements(rows: Sequence[Mapping[str, object]]) -> str:
    """Return the lines for ``pip install -r``.

    Comments list plugin files, and distributions that were installed from a folder or an address:
    on a package index, the same name may belong to another project.
    """
    lines = {f"# install from its source: gatekit {__version__}"}
    for row in rows:
        if row["distribution"] and _from_source(str(row["distribution"])):
            lines.add(f"# install from its source: {row['distribution']} {row['version']}")
        elif row["distribution"]:
            lines.add(f"{row['distribution']}=={row['version']}")
        elif row["origin"] != "gatekit":
            lines.add(f"# copy this file: {row['origin']}")
    return "\n".join(sorted(lines, key=lambda line: (line.startswith("#"), line)))


def _from_source(distribution: str) -> bool:
    """Return whether pip installed a distribution from a folder, file or address."""
    try:
        return (
            importlib.metadata.distribution(distribution).read_text("direct_url.json") is not None
        )
    except importlib.metadata.PackageNotFoundError:
        return False


def write_broken(plugins: Sequence[str]) -> None:
    """Write which plugins were left out, and why."""
    from gatekit.registry import broken

    for plugin in broken(plugins):
        where = file_place(plugin.path) if plugin.path else plugin.version or ""
        text = f"left out: {plugin.name} ({where}): {plugin.reason}"
        print_text(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def entries(kind: str, plugins: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the registered objects of a kind, sorted by name.

    Args:
        kind: ``gates``, ``output_units``, ``blocks``, ``tasks`` or ``functions``.
        plugins: files of additional plugins.

    Returns:
        Objects with ``name summary reference origin distribution version hooks``. Those from
        plugins also have ``hash``; tasks also have ``metric direction unit chance``.
    """
    from gatekit.registry import catalogue, object_hash, origins, tasks

    sources = origins(kind, plugins)
    registered = tasks(plugins) if kind == "tasks" else getattr(catalogue(plugins), kind)
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
                **({"hash": object_hash(kind, name, plugins)} if origin else {}),
            }
        )
    return rows


def _scored(task: type[Task]) -> dict[str, Any]:
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


def _about(registered: type | Function) -> dict[str, str]:
    text = inspect.getdoc(registered) if isinstance(registered, type) else registered.summary
    text = text or ""
    match = _REFERENCE.search(text)
    return {
        "summary": " ".join(text.split("\n\n")[0].replace("``", "").split()),
        "reference": " ".join(match.group(1).split()) if match else "",
    }


def plugin_entries(plugins: Sequence[str] = ()) -> list[dict[str, Any]]:
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
    """Return a sort key that puts your own plugins before gatekit's."""
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


def place(origin: Origin) -> str:
    """Return the distribution and version of an origin, or its file."""
    if origin.distribution:
        return f"{origin.distribution} {origin.version or ''}".strip()
    return file_place(origin.path) if origin.path else str(origin.plugin)


def file_place(path: Path | str) -> str:
    """Return ``gatekit`` for a bundled file, else the shorter of its absolute and relative path."""
    import gatekit.conf
    from gatekit.registry.discovery import is_bundled

    file = Path(path).resolve()
    configurations = Path(gatekit.conf.__file__ or "").resolve().parent
    if is_bundled(file) or file.is_relative_to(configurations):
        return "gatekit"
    return shown(file)


CERTIFIED, SECOND_HAND, UNVERIFIED, OWN = "certified", "second hand", "unverified", "own"
TIERS = (CERTIFIED, SECOND_HAND, UNVERIFIED, OWN)
_YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?\Z")
_UNITS, _FEATURES = 8, 4
_LONGEST = 14
"""The most characters of the names of a cell's states; more states are counted."""


def cells(parser: Parser) -> int:
    """List the cells that match the filters.

    Raises:
        ConfigError: a filter is invalid.
    """
    parser.add_json("write a JSON list of objects")
    parser.add_argument(
        "--scannable",
        action="store_true",
        help="only cells whose steps can be computed in parallel (linear in the state)",
    )
    parser.add_argument("--states", type=Whole(0), metavar="N", help="only cells with N states")
    parser.add_argument(
        "--year", metavar="Y", help="only cells of a year, 2014, or of several years, 2014-2017"
    )
    parser.add_argument(
        "--tier",
        choices=TIERS,
        help="only cells of this tier: gatekit's tests compare the cell with its paper or the"
        " authors' code (certified), or with another source ('second hand'); its equations were"
        " not checked (unverified); or it is not part of gatekit (own)",
    )
    parser.add_plugins()
    options = parser.read()
    first, last = _years(options.year)
    broken: dict[str, str] = {}
    every = cell_entries(tuple(options.plugin), broken)
    rows = [
        row
        for row in every
        if (not options.scannable or row["scannable"])
        and (options.states is None or len(row["states"] or ()) == options.states)
        and (options.year is None or first <= (row["year"] or 0) <= last)
        and options.tier in (None, row["tier"])
    ]
    if options.json:
        write_json(rows)
    elif rows or broken:
        more = "`gatekit show cell=NAME` shows a cell; --json has all."
        write_list([_cell_shown(row) for row in rows], _columns(rows), "reference", more)
        sys.stdout.write(f"\n{_counted(rows)}\n")
    else:
        raise ConfigError(f"none of {len(every)} cells matches")
    for name, why in broken.items():
        text = f"left out: {name}: {why}"
        sys.stderr.write(f"{textwrap.fill(text, WIDTH, subsequent_indent='  ')}\n")
    return 0


def cell_entries(
    plugins: Sequence[str] = (), broken: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the cells, sorted by name.

    Args:
        plugins: files of additional plugins.
        broken: receives the error of each cell that cannot be read, by name, and the cell is left
            out; without it, the error is raised.

    Returns:
        Objects with ``name``, ``year``, ``tier``, ``states`` and ``scannable`` (both None if the
        cell cannot be built with 8 units), ``summary``, ``reference`` and ``origin``.
    """
    from gatekit.cell.show.works import provenance
    from gatekit.registry import bibliography, catalogue, cell_names, load_cell

    known, works = catalogue(plugins), bibliography(plugins)
    rows = []
    for name, path in cell_names(plugins).items():
        try:
            spec = load_cell(name, known, plugins)
        except GatekitError as error:
            if broken is None:
                raise
            broken[name] = one_line(error)
            continue
        about, origin = provenance(dict(spec.about), works), file_place(path)
        cell = _build_cell(spec, known)
        rows.append(
            {
                "name": name,
                "year": about["year"],
                "tier": about["tier"] or CERTIFIED if origin == "gatekit" else OWN,
                "states": None if cell is None else [state.name for state in cell.states],
                "scannable": None if cell is None else _scannable(cell),
                "summary": about["notes"] or "",
                "reference": about["reference"] or "",
                "origin": origin,
            }
        )
    return rows


def _build_cell(spec: CellSpec, known: Catalogue) -> Cell | None:
    from gatekit.cell.graph import build
    from gatekit.cell.schema import read_output_unit

    try:
        return build(spec, _UNITS, _FEATURES, read_output_unit("hidden", known))
    except GatekitError:
        # The cell may need another number of units.
        return None


def _scannable(cell: Cell) -> bool:
    from gatekit.cell.analysis.affine import analyse

    return analyse(cell).affine


def _years(text: str | None) -> tuple[int, int]:
    match = _YEARS.match(text or "0000")
    if match is None:
        raise ConfigError(f"--year {text}: a year, or two with a hyphen, is expected")
    return int(match[1]), int(match[2] or match[1])


def _counted(rows: Sequence[Mapping[str, object]]) -> str:
    tiers = Counter(row["tier"] for row in rows)
    return ", ".join(f"{tiers[t]} {t}" for t in TIERS if tiers[t])


def _cell_shown(row: Mapping[str, Any]) -> dict[str, str]:
    names = ["?"] if row["states"] is None else row["states"]
    states = ", ".join(names)
    if len(states) > _LONGEST:
        states = f"{len(names)} states"
    tier = "" if row["tier"] == CERTIFIED else row["tier"]
    return {**row, "year": str(row["year"] or ""), "states": states, "tier": tier}


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    columns = ["name", "year", "states", "tier", "reference"]
    if all(row["tier"] == CERTIFIED for row in rows):
        columns.remove("tier")
    return columns if all(row["origin"] == "gatekit" for row in rows) else [*columns, "origin"]
