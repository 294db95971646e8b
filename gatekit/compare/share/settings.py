"""The user's own configurations in a bundle, such as experiments: those that commands name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.compare.scrub import line_with_location, scrub
from gatekit.registry.cells import config_folders, is_bundled
from gatekit.registry.safe_yaml import content, read_yaml
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.plan_file import RequestedRun

from .entries import most_bytes

if TYPE_CHECKING:
    from gatekit.study.search import Job

_NAMES = "the command of a run names plugins"
_UNLIKE = "the command of a run no longer gives this run"

_FILES_ONLY = ("change", "experiment", "optimizer", "trainer")
"""Groups in which every name is a file; a task or a block may be in a plugin only."""


def setting_files(
    requested: Mapping[str, RequestedRun], runs: Sequence[RunRecord]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the files in ``./conf`` that the commands of a study read, and notes.

    Cells are in `cell_files`. A run holds the values, but not the files that they come from. A file
    is therefore read from the working folder, if the command of a run still gives this run.

    Args:
        requested: the runs that commands asked for, by id.
        runs: the runs of the study.
    """
    from gatekit.study.keys import GROUPS

    groups = [group for group in GROUPS if group != "cell"]
    ids = {run.id for run in runs}
    named: dict[tuple[str, ...], RequestedRun] = {}
    for asked in requested.values():
        if asked.id in ids:
            named.setdefault(tuple(sorted(_choices(asked.words, groups))), asked)
    files: dict[str, bytes] = {}
    left: dict[str, str] = {}
    for words, asked in sorted(named.items()):
        found, unlike = _own_files(asked, groups)
        for name, path in found.items():
            if unlike:
                left[name] = unlike
                continue
            data = content(path, Path.cwd() / "conf")
            text = data.decode("utf-8", "replace")
            if scrub(text) != text or line_with_location(text) is not None:
                left[name] = "it contains a path or a name of this machine"
            else:
                files[name] = data
        for word in words:
            group, _, choice = word.partition("=")
            name = f"conf/{group}/{choice}.yaml"
            if group in _FILES_ONLY and name not in found and not _exists(name, group, choice):
                left[name] = "it is not in this folder"
    notes = [
        f"{name} is not in the bundle, because {why}; share it separately"
        for name, why in sorted(left.items())
        if name not in files
    ]
    return {name: data for name, data in files.items() if name not in left}, notes


def jobs_of(asked: RequestedRun) -> list[Job]:
    """Return the jobs that the recorded words of a run give now.

    Raises:
        ConfigError: the words give no jobs, or could execute a file; the study may be a stranger's.
    """
    from gatekit.study.command import compose

    if asked.executes_files:
        raise ConfigError(_NAMES)
    return compose(asked.words)


def _choices(words: Sequence[str], groups: Sequence[str]) -> Iterator[str]:
    """Yield the words that choose a file, without a leading ``+``."""
    for word in words:
        bare = word.lstrip("+")
        if bare.partition("=")[0] in groups:
            yield bare


def _own_files(asked: RequestedRun, groups: Sequence[str]) -> tuple[dict[str, Path], str]:
    """Return the user's files that a run's command reads, and why they may not give the run."""
    from omegaconf import OmegaConf

    from gatekit.study.plan import plan

    folder = Path.cwd() / "conf"
    if not folder.is_dir() or is_bundled(folder):
        return {}, ""
    try:
        jobs = jobs_of(asked)
        chosen = OmegaConf.select(jobs[0][1], "hydra.runtime.choices")
        choices: Any = OmegaConf.to_container(chosen) if chosen else {}
        found: dict[str, Path] = {}
        for group in groups:
            choice = choices.get(group)
            for each in choice if isinstance(choice, list) else [choice]:
                _add(found, folder, group, each)
        faithful = bool(found) and [run.origin for run in plan(jobs).runs] == [asked.origin]
    except (GatekitError, OSError):
        return _named(asked, folder, groups), _NAMES if asked.executes_files else _UNLIKE
    return found, "" if faithful else _UNLIKE


def _named(asked: RequestedRun, folder: Path, groups: Sequence[str]) -> dict[str, Path]:
    """Return the files that the words of a command name."""
    choices = [word.split("=", 1) for word in _choices(asked.words, groups)]
    paths = {
        f"conf/{group}/{name}.yaml": folder / group / f"{name}.yaml" for group, name in choices
    }
    return {key: path for key, path in paths.items() if most_bytes(key) and path.is_file()}


def _add(found: dict[str, Path], folder: Path, group: str, choice: object) -> None:
    """Add the file of a choice, and the files of the same group in its ``defaults``."""
    name, path = f"conf/{group}/{choice}.yaml", folder / group / f"{choice}.yaml"
    if name in found or most_bytes(name) is None or not path.is_file():
        return
    found[name] = path
    for entry in read_yaml(path, folder).get("defaults") or ():
        if isinstance(entry, str):
            _add(found, folder, group, entry)


def _exists(name: str, group: str, choice: str) -> bool:
    if most_bytes(name) is None:  # a list of names
        return True
    return any((folder / group / f"{choice}.yaml").is_file() for folder in config_folders())
