"""A study as its folders tell it, read quickly: no file is hashed, nothing is imported for it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError, listed, nearest

from . import planned, unrecorded
from .folder import OUTCOMES, RunFolder

_ID = re.compile(r"[0-9a-f]{16}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True)
class Found:
    """A run that was asked for or is there.

    Attributes:
        words: what to type after ``gatekit train`` to make it alone; empty where no command asked
            for it.
        stale: why its numbers belong to an earlier source, None where they do not.
    """

    id: str
    path: Path
    state: str
    reason: str | None
    attempt: int
    label: str
    words: tuple[str, ...]
    stale: str | None
    updated: str | None

    @property
    def command(self) -> str | None:
        """Return what to type to make the run alone."""
        return shlex.join(["gatekit", "train", *self.words]) if self.words else None

    def folder(self) -> RunFolder:
        """Return the run's folder."""
        return RunFolder(self.path)


def study_folder(study: str, root: Path | str, command: str) -> Path:
    """Return a study's folder.

    Raises:
        RunError: there is no such study.
    """
    root = Path(root)
    folder = root / study
    if not _NAME.match(study) or not (folder / "runs").is_dir():
        known = [e.name for e in os.scandir(root) if e.is_dir()] if root.is_dir() else []
        raise RunError(
            f"no study {study!r} in {root}{nearest(study, known) or '.'} Studies there: "
            f"{listed(known)}. Type gatekit {command} NAME, with --root FOLDER if they lie "
            "elsewhere."
        )
    return folder


def survey(folder: Path) -> list[Found]:
    """Return the runs of a study: those that commands asked for, in their order, then others.

    A finished run's files are not compared with their hashes, which is left to ``gatekit train``.
    """
    asked, lost = planned.read(folder), unrecorded.read(folder)
    there = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder / "runs") as entries:
        there = {e.name: Path(e.path) for e in entries if _ID.match(e.name) and e.is_dir()}
    found = []
    for name in [*asked, *sorted(there.keys() - asked.keys())]:
        known = asked.get(name)
        label = known.label if known else name
        words = known.words if known else ()
        path = folder / "runs" / name
        if name in there:
            run = _read(name, path, label, words)
        else:
            run = Found(name, path, "PLANNED", None, 0, label, words, None, None)
        reason = lost.get((name, run.attempt))
        if reason is not None and run.state in ("PLANNED", "LOST"):
            run = dataclasses.replace(run, state="FAILED", reason=reason)
        found.append(run)
    return found


def find(run: str, root: Path | str) -> Found:
    """Return the run of an id, or of its first digits, or of a path.

    Raises:
        RunError: none or several match.
    """
    path = Path(run)
    if _ID.match(path.name) and path.is_dir():
        return next(f for f in survey(path.resolve().parent.parent) if f.id == path.name)
    root = Path(root)
    if not re.fullmatch(r"[0-9a-f]{3,16}", run):
        raise RunError(
            f"{run!r} is no run: type three or more of the 16 hex digits that gatekit status "
            "shows, or the run's folder."
        )
    paths = sorted(root.glob(f"*/runs/{run}*")) if root.is_dir() else []
    paths = [p for p in paths if _ID.match(p.name)]
    if len(paths) != 1:
        names = listed(str(p.relative_to(root)) for p in paths)
        said = f"{len(paths)} runs begin with {run}: {names}" if paths else f"no run is {run}"
        raise RunError(
            f"{said} in {root}; type more digits, or --root FOLDER if studies lie elsewhere."
        )
    return next(f for f in survey(paths[0].parent.parent) if f.id == paths[0].name)


def look(path: Path) -> tuple[str, str | None]:
    """Return state and reason of a run, without comparing a finished run's files."""
    found = _read(path.name, path, "", ())
    return found.state, found.reason


def _read(name: str, path: Path, label: str, words: tuple[str, ...]) -> Found:
    status = _json(path / "status.json")
    said = status.get("state")
    if said in OUTCOMES and (path / "result.json").exists():
        attempt = status.get("attempt")
        state, reason = str(said), status.get("reason")
        number = attempt if isinstance(attempt, int) else 0
    else:
        read = RunFolder(path).state()
        state, reason, number = read.name, read.reason, read.attempt
    stale = path / planned.STALE
    because = str(_json(stale).get("because", "")) if stale.exists() else None
    return Found(name, path, state, reason, number, label, words, because, status.get("updated"))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
