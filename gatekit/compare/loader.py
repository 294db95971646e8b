"""Load a study: every run folder under ``ROOT/<study>/runs``, and nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import RunError, listed, nearest
from gatekit.compare.config_text import ConfigReader
from gatekit.compare.run import Run, is_run, read_run


@dataclass(frozen=True, slots=True)
class Study:
    """The runs of a study in the order of their ids.

    ``ignored`` names what lies in the folder and is no run; ``copies`` the folders that repeat
    a run that was read already.
    """

    name: str
    path: Path
    runs: tuple[Run, ...]
    ignored: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


def load(study: str, root: Path | str = "experiments") -> Study:
    """Read all runs of a study from their folders.

    Args:
        study: name of the study, a folder of ``root``.
        root: where studies lie.

    Returns:
        The study; damaged and unfinished runs are among its runs, with their state.

    Raises:
        RunError: there is no such study, or a newer gatekit wrote one of its runs.
    """
    root = Path(root)
    folder = root / study
    if not study or not _inside(folder, root) or not folder.is_dir():
        known = [] if not root.is_dir() else [e.name for e in os.scandir(root) if e.is_dir()]
        raise RunError(
            f"no study {study!r} in {root}{nearest(study, known)}; studies there: {listed(known)};"
            f" type `gatekit compare NAME`, with --root FOLDER if they lie elsewhere"
        )
    configs = ConfigReader()
    runs: dict[str, Run] = {}
    ignored: list[str] = []
    copies: list[str] = []
    for entry in _entries(folder / "runs"):
        if not _is_folder(entry) or not is_run(Path(entry.path)):
            ignored.append(entry.name)
            continue
        run = read_run(Path(entry.path), configs)
        if run.id in runs:
            copies.append(entry.name)
        else:
            runs[run.id] = run
    ordered = tuple(runs[key] for key in sorted(runs))
    return Study(study, folder, ordered, tuple(ignored), tuple(copies))


def _inside(folder: Path, root: Path) -> bool:
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
