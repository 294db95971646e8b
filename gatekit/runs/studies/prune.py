"""What of a study can go: the files of earlier attempts, and on request failed and stale runs."""

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
    """A folder that can go, what it is, and its size in bytes.

    Attributes:
        run: the run that goes with it, None where the run stays.
    """

    path: Path
    what: str
    size: int
    run: SurveyedRun | None = None


def removable(
    study: Path, runs: Iterable[SurveyedRun], failed: bool = False, stale: bool = False
) -> list[Removal]:
    """Return what can go; nothing of a run that goes on.

    Args:
        study: the study's folder.
        runs: its runs.
        failed: whole runs that failed, too.
        stale: whole runs whose source has changed since, with their results, too.
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
    """Take it away; a crash on the way leaves no half of a run under the run's name.

    Raises:
        RunError: a process works on the run by now.
    """
    path, folder = removal.path, None
    if removal.run is not None:
        if removal.run.state not in OUTCOMES:
            # The claim, and its lock while this object lives, keep every sweep from the run.
            folder = removal.run.folder()
            folder.claim()
        path = path.with_name(f"{PRUNED}{path.name}")
        try:
            durable.move(removal.path, path)
        except OSError as error:
            raise RunError(f"cannot remove {removal.path}: {error.strerror}.") from None
    del folder  # NFS keeps a folder in which a file is open
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
