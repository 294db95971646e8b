"""A plan beside its runs: what a command asks for is written down, what it outdates is marked."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from gatekit.runs import durable
from gatekit.runs.folder import STALE
from gatekit.runs.studies.plan_file import Planned, outdated, read

from .plan import Plan, Run


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
    durable.create(path, json.dumps(record, indent=1) + "\n")


def mark(plan: Plan) -> None:
    """Mark what the plan outdates as stale, and what it asks for as not; every run is kept."""
    by_origin: dict[str, list[Planned]] = {}
    for known in read(plan.study).values():
        by_origin.setdefault(known.origin, []).append(known)
    for run in plan.runs:
        # Someone else's folder may be closed to us, which is no reason to stop.
        with contextlib.suppress(PermissionError, IsADirectoryError):
            if os.path.lexists(run.path / STALE):
                durable.remove(run.path / STALE)
        for old in outdated(run.fingerprint, run.origin, by_origin.get(run.origin, ())):
            with contextlib.suppress(PermissionError, IsADirectoryError):
                _mark(run.path.with_name(old), run)


def _mark(folder: Path, run: Run) -> None:
    marked = durable.read_object(folder / STALE).get("by") == run.fingerprint
    if os.path.isdir(folder) and not marked:
        record = {"by": run.fingerprint, "because": _because(folder, run)}
        durable.write(folder / STALE, json.dumps(record) + "\n")


def _because(folder: Path, run: Run) -> str:
    result = durable.read_object(folder / "result.json")
    before = result.get("plugins") or durable.read_object(folder / "env.json").get("plugins")
    before = before if isinstance(before, dict) else {}
    changed = [n for n, digest in run.plugins.items() if before.get(n, digest) != digest]
    if changed:
        return "the source has changed of " + ", ".join(f"plugin {name}" for name in changed)
    if result.get("data_hash", run.data_hash) != run.data_hash:
        return "the data have changed"
    return "plugins or data have changed"
