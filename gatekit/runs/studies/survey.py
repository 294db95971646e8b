"""The state of each run of a study, read from its folders, and why runs failed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import RunError, listed, nearest_name
from gatekit.faults import Fault, Kind, Place
from gatekit.runs import durable
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import IMPORTED, RUNS, UNRECORDED, is_id
from gatekit.runs.record import contradiction
from gatekit.runs.result import OUTCOMES, State, as_number

from . import plan_file

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

TROUBLES = (State.FAILED, State.LOST, State.CORRUPT)
RESERVED = 8192
"""Bytes that a study reserves for the reasons of runs that fail because the disk is full."""
"""States of a run that has no outcome and needs attention."""

_VARIES = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?|'[^']*'")


@dataclass(frozen=True)
class SurveyedRun:
    """A run that exists, or that a command asked for.

    Attributes:
        words: what to type after ``gatekit train`` to train this run alone; empty if no command
            asked for it.
        stale: why a later command has outdated the run; None if none has.
        sealed: False for a result of an earlier gatekit, which has no hash of itself.
        seconds: how long a run with an outcome took, None if unknown.
    """

    id: str
    path: Path
    state: State
    reason: str | None
    attempt: int
    label: str
    words: tuple[str, ...]
    stale: str | None
    updated: str | None
    sealed: bool = True
    seconds: float | None = None

    @property
    def command(self) -> str | None:
        """Return the command that trains this run alone; None if no command asked for it."""
        return plan_file.alone(self.words) if self.words else None

    @property
    def retry(self) -> str | None:
        """Return the command that trains this run alone even if it has failed, or None."""
        return plan_file.alone(self.words, again=True) if self.words else None

    def folder(self) -> RunFolder:
        """Return the run's folder."""
        return RunFolder(self.path)


def study_folder(study: str, root: Path | str, command: str) -> Path:
    """Return a study's folder.

    Raises:
        RunError: there is no such study, or all of its runs are imported.
    """
    root = Path(root)
    folder = root / study
    if not _NAME.match(study) or not os.path.isdir(folder / RUNS):
        if _NAME.match(study) and os.path.isdir(folder / IMPORTED):
            raise RunError(f"all runs of {study} are imported, and {command} is about your own")
        raise no_study(study, root, command)
    return folder


def no_study(study: str, root: Path | str, command: str) -> RunError:
    """Return the error that there is no such study, with the folder that was searched.

    Args:
        study: the name that was asked for.
        root: the folder that contains the studies.
        command: the command that asked, without ``gatekit``.
    """
    root = Path(root)
    folders = [e.name for e in os.scandir(root) if e.is_dir()] if root.is_dir() else []
    known = tuple(sorted(name for name in folders if name[0] not in "_."))
    why = f"no study {study!r} in {root.absolute()}"
    if not root.is_dir() and root.name != "experiments":
        why += ", which is not a folder of studies"
    near = nearest_name(Path(study).name.removeprefix("study="), known)
    return RunError(Fault(Kind.REFUSED, Place(), why=why, known=known, what="studies", near=near))


def survey(folder: Path, verify: bool = False, as_compared: bool = False) -> list[SurveyedRun]:
    """Return the runs of a study: first those that commands asked for, in order, then others.

    Args:
        folder: the study's folder.
        verify: whether to hash large weights, too (`RunFolder.state`).
        as_compared: whether a run is CORRUPT if its result contradicts its metrics, as in a
            comparison.

    Raises:
        RunError: the folder of runs cannot be read.
    """
    asked, lost = plan_file.read(folder), unrecorded(folder)
    there = _folders(folder / RUNS)
    runs = []
    for name in [*asked, *sorted(there - asked.keys())]:
        known = asked.get(name)
        label = known.label if known else name
        words = known.words if known else ()
        path = folder / RUNS / name
        if name in there:
            run = _read(name, path, label, words, verify, as_compared)
        else:
            run = SurveyedRun(name, path, State.PLANNED, None, 0, label, words, None, None)
        reason = lost.get((name, run.attempt))
        if reason is not None and run.state in (State.PLANNED, State.LOST):
            run = dataclasses.replace(run, state=State.FAILED, reason=reason)
        runs.append(run)
    return runs


def _folders(runs: Path) -> set[str]:
    names = set()
    try:
        with os.scandir(runs) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if is_id(entry.name) and entry.is_dir():
                        names.add(entry.name)
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise RunError(f"{runs} cannot be read: {error.strerror}") from None
    return names


def find(run: str, root: Path | str) -> SurveyedRun:
    """Return the run with an id, its first digits, ``STUDY/ID``, or a path.

    Raises:
        RunError: no run or several runs match.
    """
    path = Path(run)
    if is_id(path.name) and path.is_dir():
        return next(f for f in survey(path.resolve().parent.parent) if f.id == path.name)
    root = Path(root)
    study, _, start = run.rpartition("/")
    if not re.fullmatch(r"[0-9a-f]{3,16}", start) or (study and not _NAME.match(study)):
        raise RunError(
            f"{run!r} is not a run: a folder, or the first three or more of the 16 hexadecimal "
            "digits of an id, are expected"
        )
    paths = sorted(root.glob(f"{study or '*'}/{RUNS}/{start}*")) if root.is_dir() else []
    paths = [p for p in paths if is_id(p.name)]
    if len(paths) != 1:
        if paths:
            names = listed(str(p.relative_to(root)) for p in paths)
            raise RunError(f"{len(paths)} runs begin with {run} in {root}: {names}")
        raise RunError(f"no run in {root} begins with {run}")
    return next(f for f in survey(paths[0].parent.parent) if f.id == paths[0].name)


def _read(
    name: str, path: Path, label: str, words: tuple[str, ...], verify: bool, as_compared: bool
) -> SurveyedRun:
    run = RunFolder(path)
    state = run.state(quick=not verify)
    judged = as_compared and state.name in OUTCOMES
    damage = contradiction(path, state.record) if judged else None
    return SurveyedRun(
        name,
        path,
        state.name if damage is None else State.CORRUPT,
        damage or state.reason,
        state.attempt,
        label,
        words,
        run.stale(),
        run.updated(),
        state.sealed,
        _seconds(state.record),
    )


def _seconds(record: Mapping[str, object]) -> float | None:
    taken = record.get("seconds")
    return as_number(taken.get("total")) if isinstance(taken, Mapping) else None


def reserve(study: Path) -> None:
    """Reserve space on the disk for the reasons of failed runs: empty lines that they overwrite.

    Raises:
        OSError: the disk is full, or the file cannot be written.
    """
    path = study / UNRECORDED
    content = durable.read(path) if path.exists() else b""
    if len(content) - len(content.rstrip(b"\n")) < RESERVED // 2:
        durable.append(path, "\n" * RESERVED)


def note_unrecorded(study: Path, folder: RunFolder, reason: str) -> None:
    """Record in the study why a run failed whose folder cannot be written.

    If the disk is full, the reason takes the space that `reserve` has reserved.

    Args:
        study: the study's folder.
        folder: the run's folder, which need not exist.
        reason: the reason that ``gatekit status`` and ``gatekit failures`` show.
    """
    record = {"run": folder.path.name, "attempt": folder.state().attempt, "reason": reason}
    with contextlib.suppress(OSError):
        durable.fill(study / UNRECORDED, json.dumps(record))


def unrecorded(study: Path) -> dict[tuple[str, int], str]:
    """Return why runs failed whose folder cannot be written, by run and attempt."""
    reasons: dict[tuple[str, int], str] = {}
    with contextlib.suppress(OSError):
        for line in durable.read(study / UNRECORDED).splitlines():
            record = durable.parsed_object(line)
            run, attempt, reason = (record.get(key) for key in ("run", "attempt", "reason"))
            if isinstance(run, str) and isinstance(attempt, int) and isinstance(reason, str):
                reasons[run, attempt] = reason
    return reasons


@dataclass(frozen=True)
class Cause:
    """Runs that ended for the same reason, apart from numbers and names in its text."""

    state: State
    reason: str
    runs: tuple[SurveyedRun, ...]


def causes(runs: Iterable[SurveyedRun]) -> list[Cause]:
    """Return the causes, the most frequent first."""
    groups: dict[tuple[State, str], list[SurveyedRun]] = {}
    for run in runs:
        if run.state in TROUBLES:
            groups.setdefault((run.state, alike(run.reason)), []).append(run)
    distinct = [Cause(state, r[0].reason or "", tuple(r)) for (state, _), r in groups.items()]
    return sorted(distinct, key=lambda cause: -len(cause.runs))


def alike(reason: str | None) -> str:
    """Return a reason without its numbers and quoted names, to compare causes."""
    return _VARIES.sub("#", reason or "")
