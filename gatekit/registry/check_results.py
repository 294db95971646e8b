"""Results of checks, stored by the hash of the checked source, and read without TensorFlow."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit._version import __version__
from gatekit.cell.errors import PluginError

from . import discovery
from .hashes import file_hash
from .loading import complete_registry

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA = 1
PASS, FAIL, XFAIL = "PASS", "FAIL", "XFAIL"
UNCHECKED = "not checked"
CHECKABLE = ("gates", "output_units", "blocks", "functions", "tasks")
"""The kinds that the conformance suite has checks for."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")


def folder() -> Path:
    """Return the folder of the results, ``gatekit/checks`` in ``$XDG_CACHE_HOME`` or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "gatekit" / "checks"


def put(source: str, kind: str, name: str, outcomes: Sequence[DataclassInstance]) -> Path | None:
    """Store the outcomes of the checks of one object.

    Args:
        source: the hash of its source, as `gatekit.registry.object_hash` returns it.
        kind: ``gates``, ``output_units``, ``blocks``, ``functions`` or ``tasks``.
        name: its registered name.
        outcomes: the outcomes of all checks.

    Returns:
        The file, or None if the folder cannot be written; stored results are only a convenience.
    """
    record = {
        "schema": SCHEMA,
        "hash": source,
        "kind": kind,
        "name": name,
        "gatekit": __version__,
        "checked": datetime.now(UTC).isoformat(timespec="seconds"),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    path = folder() / source / f"{kind}.{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            json.dump(record, file, indent=1)
        os.replace(file.name, path)
    except OSError:
        return None
    return path


def lookup(source: str) -> dict[str, dict[str, Any]]:
    """Return the stored results of a source by ``KIND.NAME``; none if it is unchecked.

    Args:
        source: a hash from `gatekit.registry.object_hash` or from a run's record of its plugins.

    Returns:
        Records with ``hash kind name gatekit checked outcomes``; files that are damaged or of
        another format are skipped.
    """
    records: dict[str, dict[str, Any]] = {}
    if not _HASH.match(source):
        return records
    for path in sorted((folder() / source).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if _is_record(record, source):
            records[f"{record['kind']}.{record['name']}"] = record
    return records


def status(record: dict[str, Any] | None) -> str:
    """Return a record in a few words: ``23 passed``, ``2 of 23 failed``, ``not checked``."""
    if record is None:
        return UNCHECKED
    states = [outcome["status"] for outcome in record["outcomes"]]
    failed, excused = states.count(FAIL), states.count(XFAIL)
    text = f"{failed} of {len(states)} failed" if failed else f"{states.count(PASS)} passed"
    if excused:
        text += f", {excused} excused"
    return text if record["gatekit"] == __version__ else f"{text} (gatekit {record['gatekit']})"


def of_source(source: str) -> str:
    """Return a short status of a source, whatever was checked in it; empty if nothing was."""
    return "; ".join(dict.fromkeys(status(record) for record in lookup(source).values()))


def of_plugins(hashes: Mapping[str, str], plugins: Sequence[str] = ()) -> dict[str, str]:
    """Return a short status of each plugin, by name.

    Bundled plugins without results, and plugins that have no checks, are omitted.

    Args:
        hashes: the hash of each plugin's source.
        plugins: additional plugin files, as in `gatekit.registry.catalogue`.
    """
    known = complete_registry(plugins)
    statuses = {}
    for name, source in hashes.items():
        if known_status := of_source(source):
            statuses[name] = known_status
        elif name in known.plugins and not known.plugins[name].discovered.bundled:
            checked = {hook.removeprefix("gatekit_") for hook in known.plugins[name].hooks}
            if checked & set(CHECKABLE):
                statuses[name] = UNCHECKED
    return statuses


def to_check(name: str, source: str, plugins: Sequence[str] = ()) -> str:
    """Return the command that checks the source of a plugin; empty if it checks another source.

    No plugin is loaded.

    Args:
        name: the plugin's name.
        source: the hash of its source.
        plugins: additional plugin files, as in `gatekit.registry.catalogue`.
    """
    everything = discovery.autoload()
    distributions = discovery.chosen() if everything else None
    try:
        found = discovery.find(plugins, Path.cwd(), everything, distributions)
    except PluginError:
        return ""
    plugin = next((plugin for plugin in found if plugin.name == name), None)
    # The files of an installed package are known only after it was imported.
    if plugin is None or (plugin.path is not None and file_hash(plugin.path) != source):
        return ""
    if name.endswith(".py"):  # renamed to FOLDER/FILE, because its own name was taken
        return ""
    added = [word for file in plugins for word in ("--plugin", file)]
    return shlex.join(["gatekit", "check", name, *added])


def _is_record(record: object, source: str) -> bool:
    return (
        isinstance(record, dict)
        and record.get("schema") == SCHEMA
        and record.get("hash") == source
        and all(isinstance(record.get(k), str) for k in ("kind", "name", "gatekit", "checked"))
        and isinstance(record.get("outcomes"), list)
        and all(
            isinstance(o, dict) and isinstance(o.get("status"), str) for o in record["outcomes"]
        )
    )
