"""Find runs by name: a run's id, the start of an id, or a study and the label of a group."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import RunError, listed
from gatekit.compare.scale import in_range
from gatekit.compare.study import Study, load, studies
from gatekit.runs.names import IMPORTED, RUNS, is_id
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.survey import no_study

from .group import Group, group_runs
from .label import closest, spelled

_ID = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected runs, and the group that they belong to."""

    name: str
    study: Study
    runs: tuple[RunRecord, ...]
    group: Group | None


def select(text: str, root: Path | str = "experiments") -> Selection:
    """Return the run or the group with a given name.

    Args:
        text: a run's id or at least its first four digits, ``STUDY/ID``, a run's folder, or
            ``STUDY/GROUP`` with the group's label in ``gatekit compare STUDY``.
        root: the folder that contains the studies.

    Raises:
        RunError: nothing has this name, or several runs have it.
    """
    if is_id(Path(text).name) and Path(text).is_dir():
        text, root = _of_folder(Path(text))
    known = studies(root)
    within = text.removeprefix(f"{Path(root)}/")
    if text.partition("/")[0] not in known and within.partition("/")[0] in known:
        text = within
    name, slash, rest = text.partition("/")
    if not slash:
        return _in_any_study(text, known, root)
    if name not in known:
        raise no_study(name, root, "compare")
    study = in_range(load(name, root))
    selection = _run(text, rest.removeprefix(f"{RUNS}/"), study)
    if selection is not None:
        return selection
    groups = group_runs(study.every).groups
    exact = [group for group in groups if group.label == rest]
    for group in exact or [g for g in groups if spelled(g.label) == spelled(rest)]:
        return Selection(text, study, (*group.runs, *group.missing), group)
    labels = [group.label for group in groups]
    raise RunError(
        f"{name} has no run and no group {rest!r}{closest(rest, labels) or '.'} "
        f"Groups: {listed(labels)}."
    )


def _of_folder(folder: Path) -> tuple[str, Path]:
    """Return a run's folder as ``STUDY/ID``, and the folder that contains its study."""
    study = folder.resolve().parent.parent
    if study.parent.name == IMPORTED:
        study = study.parent.parent
    return f"{study.name}/{folder.name}", study.parent


_SEARCHED = 10
"""How many studies are read for an example in a message."""


def _labels(study: str, root: Path | str) -> list[str]:
    return [group.label for group in group_runs(load(study, root).every).groups]


def _in_any_study(text: str, known: Sequence[str], root: Path | str) -> Selection:
    if not _ID.fullmatch(text):
        if text in known:
            pair = shlex.join(f"{text}/{label}" for label in _labels(text, root)[:2])
            raise RunError(f"{text!r} is a study; type two of its groups or runs, such as {pair}")
        having = (f"{name}/{text}" for name in known[:_SEARCHED] if text in _labels(name, root))
        example = text.replace(":", "/") if ":" in text else next(having, "demo/lstm")
        raise RunError(
            f"{text!r} does not name a run; type a run's id, or STUDY/GROUP such as {example}"
        )
    matches = []
    for name in known:
        folders = (
            Path(root, name).glob(f"runs/{text}*"),
            Path(root, name).glob(f"imported/*/runs/{text}*"),
        )
        if any(True for paths in folders for _ in paths):
            selection = _run(text, text, in_range(load(name, root)))
            matches += [] if selection is None else [selection]
    if len(matches) != 1:
        several = f"is in several studies: {listed([s.study.name for s in matches])}"
        where = (
            f"{several}; type STUDY/{text}"
            if matches
            else "is not in any study; `gatekit status STUDY --runs` lists the runs of a study"
        )
        raise RunError(f"run {text} {where}")
    return matches[0]


def _run(text: str, start: str, study: Study) -> Selection | None:
    if not _ID.fullmatch(start):
        return None
    matches = [run for run in study.runs if run.id.startswith(start)]
    runs = [run for run in matches if run.origin is None] or matches
    if len(runs) > 1:
        ids = listed([run.id for run in runs])
        raise RunError(f"{len(runs)} runs begin with {start}: {ids}; type more digits")
    if not runs:
        return None
    groups = group_runs(study.every).groups
    group = next((g for g in groups if runs[0] in (*g.runs, *g.missing)), None)
    return Selection(text, study, (runs[0],), group)
