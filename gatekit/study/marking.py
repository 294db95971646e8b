"""A plan beside its runs: what a command asks for is written down, what it outdates is marked."""

from __future__ import annotations

import contextlib

from gatekit.runs.folder import RunFolder
from gatekit.runs.studies import plan_file
from gatekit.runs.studies.plan_file import Planned, outdated

from .plan import PlannedRun, SweepPlan


def write(plan: SweepPlan) -> None:
    """Write what was asked for beside ``runs``, unless it is there already."""
    runs = [Planned(r.fingerprint, r.label, tuple(r.words), r.origin) for r in plan.runs]
    plan_file.write(plan.study, plan.name, plan.command, runs)


def mark(plan: SweepPlan) -> None:
    """Mark what the plan outdates as stale, and what it asks for as not; every run is kept."""
    by_origin: dict[str, list[Planned]] = {}
    for known in plan_file.read(plan.study).values():
        by_origin.setdefault(known.origin, []).append(known)
    for run in plan.runs:
        # Someone else's folder may be closed to us, which is not a reason to stop.
        with contextlib.suppress(PermissionError, IsADirectoryError):
            run.folder().renew()
        for old in outdated(run.fingerprint, run.origin, by_origin.get(run.origin, ())):
            folder = RunFolder(run.path.with_name(old))
            with contextlib.suppress(PermissionError, IsADirectoryError):
                if folder.marked_by() != run.fingerprint:
                    folder.outdate(run.fingerprint, _because(folder, run))


def _because(folder: RunFolder, run: PlannedRun) -> str:
    before, data_hash = folder.sources()
    changed = [n for n, digest in run.plugins.items() if before.get(n, digest) != digest]
    if changed:
        return "the source has changed of " + ", ".join(f"plugin {name}" for name in changed)
    if data_hash not in (None, run.data_hash):
        return "the data have changed"
    return "plugins or data have changed"
