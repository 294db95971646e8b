"""What commands have asked for: one file per set of runs, beside the runs; and what it outdates."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import files
from .folder import STALE
from .plan import Plan, Run

_ID = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True)
class Planned:
    """A run as a command asked for it.

    Attributes:
        words: what to type after ``gatekit train`` to make it alone.
        origin: what stays the same when the source of a plugin or the data change.
    """

    id: str
    label: str
    words: tuple[str, ...]
    origin: str


def write(plan: Plan) -> None:
    """Write what was asked for beside ``runs``, unless it stands there already."""
    path = plan.study / f"plan-{plan.name}.json"
    if path.exists():
        return
    runs = [
        {"id": r.fingerprint, "label": r.label, "words": list(r.words), "origin": r.origin}
        for r in plan.runs
    ]
    record = {"schema": 1, "command": plan.command, "runs": runs}
    files.create(path, json.dumps(record, indent=1) + "\n")


def read(study: Path) -> dict[str, Planned]:
    """Return the runs that commands have asked for in a study, by id; a damaged file is no plan."""
    found: dict[str, Planned] = {}
    for path in sorted(study.glob("plan-*.json")):
        data = files.read_object(path)
        entries = data.get("runs") if data.get("schema") == 1 else None
        for entry in entries if isinstance(entries, list) else []:
            with contextlib.suppress(KeyError, TypeError):
                words = tuple(str(word) for word in entry["words"])
                run = Planned(str(entry["id"]), str(entry["label"]), words, str(entry["origin"]))
                # An id names a folder beside the others.
                if _ID.match(run.id):
                    found[run.id] = run
    return found


def outdated(run: Run, known: Iterable[Planned]) -> list[str]:
    """Return the ids of runs of the same configuration whose plugins or data were others."""
    return [k.id for k in known if k.origin == run.origin != "" and k.id != run.fingerprint]


def mark(plan: Plan) -> None:
    """Mark what the plan outdates as stale, and what it asks for as not; every run is kept."""
    by_origin: dict[str, list[Planned]] = {}
    for known in read(plan.study).values():
        by_origin.setdefault(known.origin, []).append(known)
    for run in plan.runs:
        # Someone else's folder may be closed to us, which is no reason to stop.
        with contextlib.suppress(PermissionError, IsADirectoryError):
            if os.path.lexists(run.path / STALE):
                files.remove(run.path / STALE)
        for old in outdated(run, by_origin.get(run.origin, ())):
            with contextlib.suppress(PermissionError, IsADirectoryError):
                _mark(run.path.with_name(old), run)


def _mark(folder: Path, run: Run) -> None:
    marked = files.read_object(folder / STALE).get("by") == run.fingerprint
    if os.path.isdir(folder) and not marked:
        record = {"by": run.fingerprint, "because": _because(folder, run)}
        files.write(folder / STALE, json.dumps(record) + "\n")


def _because(folder: Path, run: Run) -> str:
    result = files.read_object(folder / "result.json")
    before = result.get("plugins") or files.read_object(folder / "env.json").get("plugins")
    before = before if isinstance(before, dict) else {}
    changed = [n for n, digest in run.plugins.items() if before.get(n, digest) != digest]
    if changed:
        return "the source has changed of " + ", ".join(f"plugin {name}" for name in changed)
    if result.get("data_hash", run.data_hash) != run.data_hash:
        return "the data have changed"
    return "plugins or data have changed"
