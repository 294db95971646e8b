"""``gatekit data``: fetch, list, find and verify the data sets that registered tasks need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy

from gatekit import registry
from gatekit.cell.errors import DataError, listed, nearest
from gatekit.tasks import fetch
from gatekit.tasks.fetch import PackageSource
from gatekit.tasks.task import Task


def sources(tasks: Mapping[str, type[Task]] | None = None) -> dict[str, PackageSource]:
    """Return the declared data sets by name.

    Args:
        tasks: task classes by name; None means the registered tasks.

    Raises:
        DataError: two tasks declare different data under one name.
    """
    declared: dict[str, PackageSource] = {}
    for task in _tasks(tasks).values():
        source = task.source
        if source is None:
            continue
        if declared.setdefault(source.name, source) != source:
            raise DataError(f"two tasks declare different data under the name {source.name!r}.")
    return declared


def get(
    name: str, tasks: Mapping[str, type[Task]] | None = None, archive: Path | None = None
) -> Path:
    """Return the folder of a data set; fetch it first if it is missing or incomplete.

    Args:
        name: the data set's name.
        tasks: task classes by name; None means the registered tasks.
        archive: the package's archive, if you have it already; then nothing is downloaded.

    Raises:
        DataError: no task declares that name, or the data cannot be fetched or are not the expected
            data.
    """
    return fetch.fetch(_source(name, tasks), archive)


def path(name: str, tasks: Mapping[str, type[Task]] | None = None) -> Path:
    """Return the folder of a data set that has been fetched.

    Raises:
        DataError: no task declares that name, or it has not been fetched.
    """
    return fetch.located(_source(name, tasks))


def verify(
    name: str, tasks: Mapping[str, type[Task]] | None = None, own: Path | None = None
) -> Path:
    """Check the hash of every file of a data set and return its folder, or check your own file.

    Args:
        name: the data set's name.
        tasks: task classes by name; None means the registered tasks.
        own: your own file or folder; the task ``name`` then reads it as a check, and ``own`` is
            returned.

    Raises:
        DataError: no task declares that name, a file is missing or was changed, or the task cannot
            use your own file.
    """
    if own is None:
        return fetch.verify(_source(name, tasks))
    known = {k: task for k, task in _tasks(tasks).items() if task.own_file}
    if name not in known:
        raise DataError(
            f"no task {name!r} reads a file of your own{nearest(name, known) or '.'} "
            f"Those that do: {listed(known)}."
        )
    task = known[name](path=str(own))
    task.require()
    task.splits(numpy.random.default_rng(0))
    return own


def listing(tasks: Mapping[str, type[Task]] | None = None) -> list[dict[str, str]]:
    """Return one row per data set: ``name package version state path``.

    ``state`` is ``ready``, or why the data set is not ready and what to type. Data that you have
    to provide yourself have no package.
    """
    rows = [
        {
            "name": name,
            "package": "",
            "version": "",
            "state": f"provide it yourself: {task.own_file}",
            "path": "",
        }
        for name, task in _tasks(tasks).items()
        if task.own_file and task.source is None
    ]
    for name, source in sorted(sources(tasks).items()):
        try:
            fetch.located(source)
            state = "ready"
        except DataError as error:
            state = str(error)
        rows.append(
            {
                "name": name,
                "package": source.package,
                "version": source.version,
                "state": state,
                "path": str(fetch.folder_of(source)),
            }
        )
    return sorted(rows, key=lambda row: row["name"])


def _tasks(tasks: Mapping[str, type[Task]] | None) -> Mapping[str, type[Task]]:
    return registry.tasks() if tasks is None else tasks


def _source(name: str, tasks: Mapping[str, type[Task]] | None) -> PackageSource:
    known = sources(tasks)
    provided = {each: kind.own_file for each, kind in _tasks(tasks).items() if kind.own_file}
    if name not in known and (own := provided.get(name)):
        raise DataError(
            f"no package contains {name}; you have to provide it: {own}. "
            f"Type task={name} task.path=PATH, or gatekit data verify {name} --path PATH."
        )
    if name not in known:
        raise DataError(
            f"there is no data set {name!r}{nearest(name, known) or '.'} "
            f"Data sets: {listed(known)}."
        )
    return known[name]
