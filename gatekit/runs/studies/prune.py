"""Files of a study to remove: those of earlier attempts, and optionally failed or stale runs."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import RunError
from gatekit.runs import durable
from gatekit.runs.names import ATTEMPTS, RUNS
from gatekit.runs.result import OUTCOMES

from .survey import SurveyedRun

PRUNED = ".pruned-"


@dataclass(frozen=True)
class Removal:
    """A folder that can be removed, what it is, and its size in bytes.

    Attributes:
        run: the run that is removed with the folder; None if no whole run is removed.
    """

    path: Path
    what: str
    size: int
    run: SurveyedRun | None = None


def removable(
    study: Path, runs: Iterable[SurveyedRun], failed: bool = False, stale: bool = False
) -> list[Removal]:
    """Return the folders that can be removed; planned and running runs are not touched.

    Args:
        study: the study's folder.
        runs: its runs.
        failed: whether to include whole runs that failed.
        stale: whether to include whole stale runs, with their results.
    """
    removals = [
        Removal(path, "the rest of an earlier prune", _size(path))
        for path in sorted((study / RUNS).glob(f"{PRUNED}*"))
    ]
    for run in runs:
        if run.state in ("RUNNING", "PLANNED"):
            continue
        if stale and run.stale is not None:
            removals.append(Removal(run.path, f"stale, {run.state}", _size(run.path), run))
        elif failed and run.state == "FAILED":
            removals.append(Removal(run.path, run.state, _size(run.path), run))
        elif run.state in OUTCOMES:
            removals += [
                Removal(path, "files of an earlier attempt", _size(path))
                for path in _attempts(run.path)
            ]
    return removals


def remove(removal: Removal) -> None:
    """Remove a folder; a crash cannot leave half a run under the run's name.

    Raises:
        RunError: a process is working on the run, or its folder cannot be moved.
    """
    path, folder = removal.path, None
    if removal.run is not None:
        if removal.run.state not in OUTCOMES:
            # The claim, and its lock while this object exists, keep other processes off the run.
            folder = removal.run.folder()
            folder.claim()
        path = path.with_name(f"{PRUNED}{path.name}")
        try:
            durable.move(removal.path, path)
        except OSError as error:
            raise RunError(f"cannot remove {removal.path}: {error.strerror}.") from None
    del folder  # NFS does not remove a folder in which a file is open
    shutil.rmtree(path, ignore_errors=True)


def _attempts(run: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(run / ATTEMPTS) as entries:
        return sorted(Path(e.path) for e in entries if e.name.isdecimal() and e.is_dir())
    return []


def _size(folder: Path) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(folder)
        for name in names
    )
