"""The user's own cells in a bundle: the files that the commands of a study name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.catalogue import Catalogue
from gatekit.cell.errors import GatekitError
from gatekit.cell.schema import ABOUT_KEYS, CellSpec, read_cell
from gatekit.compare.scrub import without_paths
from gatekit.registry import cell_config, components
from gatekit.registry.cells import bundled_cell
from gatekit.runs.config import ConfigReader, dumped
from gatekit.runs.record import RunRecord
from gatekit.runs.studies.plan_file import RequestedRun

from .entries import CELLS, most_bytes
from .settings import jobs_of


def cell_files(
    requested: Mapping[str, RequestedRun], runs: Sequence[RunRecord]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the cells of a study that gatekit does not have, as files, and notes.

    A cell is taken from a run that does not change it: this is what the run computed, whatever the
    cell's file contains now, and it needs no other file. If every run changes the cell, as
    ``swap.ROLE`` does, it is taken from ``./conf/cell``, if the run's command still gives the run's
    cell.

    Args:
        requested: the runs that commands asked for, by id.
        runs: the runs of the study.
    """
    known = components.load().catalogue
    named: dict[str, Counter[str]] = {}
    changed: dict[str, tuple[RunRecord, RequestedRun | None]] = {}
    for run in runs:
        for name, cell in _cells(run.config or {}):
            if _changes(run, requested.get(run.id)):
                changed.setdefault(name, (run, requested.get(run.id)))
            else:
                named.setdefault(name, Counter())[dumped(without_paths(cell))] += 1
    files: dict[str, bytes] = {}
    notes = []
    for name, texts in sorted(named.items()):
        (text, _), *others = texts.most_common()
        if others:
            notes.append(
                f"the runs have {len(texts)} versions of the cell {name}; the bundle has the most"
                f" frequent one as {CELLS}/{name}.yaml"
            )
        if others or not _is_bundled(name, text, known):
            files[f"{CELLS}/{name}.yaml"] = text.encode()
    for name, (run, asked) in sorted(changed.items()):
        if name in named or (
            bundled_cell(name, known) and not Path(CELLS, f"{name}.yaml").exists()
        ):
            continue
        own = None if asked is None else _from_file(name, run, asked, known)
        if own is not None:
            files[f"{CELLS}/{name}.yaml"] = own.encode()
        elif not bundled_cell(name, known):
            notes.append(
                f"every run changes the cell {name}, and ./{CELLS}/{name}.yaml is missing or gives"
                " another cell, so the bundle does not have this file; share it separately"
            )
    return files, notes


def _cells(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the cells of a run that can be files, by name."""
    for cell in config.get("mixers") or [config.get("cell")]:
        # A cell function is in a plugin.
        if isinstance(cell, Mapping) and "function" not in cell:
            name = str(cell.get("name") or "")
            if most_bytes(f"{CELLS}/{name}.yaml") is not None:
                yield name, cell


def _changes(run: RunRecord, asked: RequestedRun | None) -> bool:
    words = asked.words if asked else ()
    options = any(word.lstrip("+~").startswith("cell.") for word in words)
    return options or bool((run.config or {}).get("swap"))


def _is_bundled(name: str, text: str, known: Catalogue) -> bool:
    """Return whether gatekit has a cell of this name with the same content."""
    config = bundled_cell(name, known)
    if config is None:
        return False
    try:
        own = read_cell(ConfigReader().read(text.encode()), known)
        return _content(own) == _content(read_cell(config, known))
    except GatekitError:
        return False


def _content(cell: CellSpec) -> dict[str, Any]:
    return {key: value for key, value in cell.canonical().items() if key not in ABOUT_KEYS}


def _from_file(name: str, run: RunRecord, asked: RequestedRun, known: Catalogue) -> str | None:
    """Return the user's cell of a name, if a run's command still gives the run's cell with it."""
    from gatekit.study.plan import plan

    try:
        cell = read_cell(cell_config(name, known), known).canonical()
        (again,) = plan(jobs_of(asked)).runs
    except (GatekitError, ValueError):
        return None
    same = [c for _, c in _cells(again.config)] == [c for _, c in _cells(run.config or {})]
    return dumped(without_paths(cell)) if same else None
