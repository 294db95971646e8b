"""Load a study: every run folder under ``ROOT/<study>/runs`` and those of imported bundles."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import no_attribute
from gatekit.cell.errors import RunError
from gatekit.compare.numbers import count_of
from gatekit.runs.names import IMPORTED, RUNS
from gatekit.runs.record import KeptRuns, RunRecord, is_run
from gatekit.runs.result import Result
from gatekit.runs.studies import interim_file, plan_file
from gatekit.runs.studies.interim_file import InterimAnalyses
from gatekit.runs.studies.plan_file import RequestedRun
from gatekit.runs.studies.survey import no_study, unrecorded


@dataclass(frozen=True, slots=True, repr=False)
class Study:
    """The runs of a study in the order of their ids.

    ``ignored`` names entries of the folder that are not runs; ``copies`` names folders that repeat
    a run that was already read: one fingerprint and one result are one run, wherever it lies.
    ``interim`` are the looks of `gatekit extend`, or those of the bundle if all runs come from one.

    ``planned`` are the runs that commands asked for and that have not started; ``asked`` maps the
    ids of all runs that commands asked for to `RequestedRun.plan`.
    """

    name: str
    path: Path
    runs: tuple[RunRecord, ...]
    ignored: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    interim: InterimAnalyses | None = None
    planned: tuple[RunRecord, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict)

    if not TYPE_CHECKING:  # otherwise a type checker would allow every attribute
        __getattr__ = no_attribute

    @property
    def every(self) -> tuple[RunRecord, ...]:
        """Return all runs, also those that have not started."""
        return (*self.runs, *self.planned)

    def awaits(self, run: RunRecord) -> bool:
        """Return whether the study planned a run and the run has not finished.

        A search plans runs that it may stop early, and does not wait for them.
        """
        unfinished = not run.counts and run.stale is None
        stopped = run.state == "INTERRUPTED" and (run.reason or "").startswith("pruned")
        return run.id in self.asked and run.origin is None and unfinished and not stopped

    def __repr__(self) -> str:
        """Return one line, because a study holds the configuration of every run."""
        runs = count_of(len(self.runs), "run")
        return f"<Study {self.name!r} in {str(self.path)!r}: {runs}>"

    def rows(self) -> list[dict[str, Any]]:
        """Return a tidy table: one row per run, all with the same keys, None for unknown values."""
        from .rows import tidy

        return tidy((self.name, run) for run in self.runs)

    def to_pandas(self) -> Any:
        """Return ``rows`` as a pandas data frame; pandas must be installed."""
        from .rows import to_pandas

        return to_pandas(self.rows())


def load(
    study: str,
    root: Path | str = "experiments",
    kept: KeptRuns | None = None,
    command: str = "compare",
) -> Study:
    """Read all runs of a study from their folders.

    Args:
        study: name of the study, a folder of ``root``.
        root: the folder that contains the studies.
        kept: the runs that an earlier call has read; only those that changed are read again.
        command: what was asked for, for messages.

    Returns:
        The study; it includes damaged and unfinished runs, with their state.

    Raises:
        RunError: the study does not exist, a newer gatekit wrote one of its runs, or the record of
            its looks cannot be read.
    """
    root = Path(root)
    folder = root / study
    if not study or not inside(folder, root) or not folder.is_dir():
        raise no_study(study, root, command)
    kept = kept or KeptRuns()
    runs: dict[tuple[str, str], RunRecord] = {}
    results: dict[str, list[Result]] = {}
    ignored: list[str] = []
    copies: list[str] = []
    for origin, place in _origins(folder):
        for entry in _entries(place):
            name = entry.name if origin is None else f"{origin}/{entry.name}"
            if not _is_folder(entry) or not is_run(Path(entry.path)):
                ignored.append(name)
                continue
            run = kept.read(Path(entry.path), origin)
            key = (run.id, origin or "")
            known = results.setdefault(run.id, [])
            if key in runs or run.result in known:
                copies.append(name)
                continue
            runs[key] = run
            if run.result is not None:
                known.append(run.result)
    ordered = tuple(runs[key] for key in sorted(runs))
    interim = interim_file.read(folder)
    requested = plan_file.read(folder)
    planned = _planned(folder, requested, ordered)
    origins = {run.origin for run in (*ordered, *planned)}
    if interim is None and len(origins) == 1 and (origin := origins.pop()) is not None:
        interim = interim_file.read(folder / IMPORTED / origin)
    return Study(
        study,
        folder,
        ordered,
        tuple(ignored),
        tuple(copies),
        interim,
        planned,
        {run.id: run.plan for run in requested.values()},
    )


def _planned(
    folder: Path,
    requested: Mapping[str, RequestedRun],
    runs: tuple[RunRecord, ...],
) -> tuple[RunRecord, ...]:
    """Return the runs that commands asked for and that have no folder, as records of runs.

    An earlier gatekit stored no configurations. There, a run has the configuration of a run with
    the same words and another seed, if one has started.
    """
    own = {run.id: run for run in runs if run.origin is None}
    stale = [run.id for run in own.values() if run.stale is not None]
    waiting = plan_file.not_started(requested, own.keys(), stale)
    siblings = {
        requested[id].variant: run.config
        for id, run in own.items()
        if run.config is not None and id in requested
    }
    failed = unrecorded(folder) if waiting else {}
    planned = []
    for asked in waiting:
        config, seed = asked.config, asked.label.rpartition("seed=")[2]
        like = siblings.get(asked.variant)
        if config is None and like is not None and seed.isdecimal():
            config = {**like, "seed": int(seed)}
        reason = failed.get((asked.id, 0))
        state = "PLANNED" if reason is None else "FAILED"
        why = reason or (asked.variant if config is None else None)
        planned.append(RunRecord(asked.id, folder / RUNS / asked.id, state, why, config, None))
    return tuple(sorted(planned, key=lambda run: run.id))


def studies(root: Path | str = "experiments") -> list[str]:
    """Return the names of all studies: the folders of ``root`` that contain runs.

    Raises:
        RunError: there are no studies.
    """
    names = [
        entry.name
        for entry in _entries(Path(root))
        if any((Path(entry.path) / name).is_dir() for name in (RUNS, IMPORTED))
    ]
    if not names:
        place = Path(root).absolute()
        missing = "there are no studies in" if place.is_dir() else "there is no folder"
        raise RunError(
            f"{missing} {place}; cd to the folder of your project, or type --root FOLDER"
        )
    return names


def _origins(folder: Path) -> Iterator[tuple[str | None, Path]]:
    yield None, folder / RUNS
    for entry in _entries(folder / IMPORTED):
        if _is_folder(entry):
            yield entry.name, Path(entry.path) / RUNS


def inside(folder: Path, root: Path) -> bool:
    """Return whether a folder is in another one, after all links are followed."""
    try:
        return folder.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
