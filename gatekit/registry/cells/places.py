"""Configuration folders: the place of a cell's file, the lines of its mistakes, and its works."""

from __future__ import annotations

import codecs
import contextlib
import functools
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gatekit.cell.errors import CellError, ExpressionError, GatekitError
from gatekit.cell.show.works import Work, read_bibtex
from gatekit.faults import Channel, Place, Typed

from ..queries import config_dirs
from ..safe_yaml import content, decoded, line_in, lines_to

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\Z")
BIBLIOGRAPHY = "references.bib"
MAX_BYTES = 1024 * 1024
"""The most bytes in a bibliography."""


@contextlib.contextmanager
def in_file(
    cell: object,
    plugins: Sequence[str] = (),
    words: Sequence[str] = (),
    chosen: Mapping[Any, object] = MappingProxyType({}),
    swept: Collection[Place] = (),
) -> Iterator[None]:
    """Add the file and the line of your own configuration to errors about what it sets.

    Args:
        cell: the cell's name; anything else has no file.
        plugins: plugin files, whose configuration folders are searched too.
        words: the command line; what it sets is spelled as it was typed.
        chosen: the name of the file that each group was composed from.
        swept: places that an experiment sweeps and nobody typed.

    Raises:
        GatekitError: the block raised it; the file is now in front of the message.
    """
    try:
        yield
    except GatekitError as error:
        if error.fault is None:
            raise
        place, keys = error.fault.place, [word.lstrip("+~").partition("=")[0] for word in words]
        if place in swept and (sweep := _in_sweep(place, chosen, plugins)):
            raise error.spoken(sweep) from None
        own = isinstance(error, (CellError, ExpressionError))
        keys = [key for key in keys if key not in ("cell", *chosen)]
        keys += ["cell.gates"] * any(key.startswith("swap.") for key in keys)
        typed = Typed(keys=tuple(keys), rest=Channel())
        if typed.of(place) is not typed.rest:
            raise (error.spoken(Channel(), again=True) if own else error) from None
        if holder := _holder(place, chosen, plugins):
            raise error.spoken(holder) from None
        bare = [word.lstrip("+") for word in words]
        changed = any(word.startswith("change=") and word != "change=base" for word in bare)
        path = _own_file(cell, plugins) if isinstance(cell, str) and not changed else None
        if not own or path is None or place.path[:1] != ("cell",):
            raise
        raise error.spoken(file_channel(path)) from None


def _in_sweep(place: Place, chosen: Mapping[Any, object], plugins: Sequence[str]) -> Channel | None:
    """Return the channel of your experiment that sweeps a place; None if it has no such line."""
    path = _own_file(str(chosen.get("experiment")), plugins, "experiment")
    keys = ("hydra", "sweeper", "params", str(place))
    if path is None or len(lines_to(path, keys)) < len(keys):
        return None
    line = line_in(path, keys)
    return Channel(lambda _: line)


def _holder(place: Place, chosen: Mapping[Any, object], plugins: Sequence[str]) -> Channel | None:
    """Return the channel of your file that has a place; None if no file of yours has it."""
    for group in ("experiment", "change", *place.path[:1]):
        keys = place.path if group in ("experiment", "change") else place.path[1:]
        path = _own_file(str(chosen.get(group)), plugins, str(group))
        if path is not None and keys and len(lines_to(path, keys)) == len(keys):
            return file_channel(path, place.path[: len(place.path) - len(keys)])
    return None


def file_channel(path: Path, above: tuple[str | int, ...] = ("cell",)) -> Channel:
    """Return the channel of the person who wrote a file.

    Args:
        path: the file.
        above: the keys that places have and the file has not.
    """
    return Channel(functools.partial(_line, path, above))


def _line(path: Path, above: tuple[str | int, ...], place: Place) -> tuple[str, str]:
    """Return file and line of a place; the line of ``defaults`` if its section is inherited."""
    mine = place.path[: len(above)] == above
    file, line = line_in(path, place.path[len(above) :] if mine else ())
    inherited = line_in(path, ("defaults",))[1] if mine and above and not line else ""
    return file, f"{inherited}, inherited through `defaults`" if inherited else line


def _own_file(name: str, plugins: Sequence[str], group: str = "cell") -> Path | None:
    path = cell_file(name, config_folders(plugins), group)
    return None if path is None or is_bundled(path.parents[1]) else path


def config_folders(plugins: Sequence[str] = ()) -> list[Path]:
    """Return the folders that are searched for configurations: ``./conf``, then those of plugins.

    Args:
        plugins: plugin files, whose configuration folders are searched too.
    """
    folders = [Path.cwd() / "conf", *config_dirs(plugins)]
    return [folder for folder in folders if folder.is_dir()]


def is_bundled(folder: Path) -> bool:
    """Return whether a folder of configurations is gatekit's own."""
    import gatekit.conf

    return any(folder.samefile(bundled) for bundled in gatekit.conf.__path__)


def cell_file(name: str, folders: Sequence[Path], group: str = "cell") -> Path | None:
    """Return the YAML file of a cell in the first folder that has one, even if it is damaged."""
    if not NAME.match(name):
        return None
    paths = (folder / group / f"{name}.yaml" for folder in folders)
    return next((path for path in paths if os.path.lexists(path)), None)


def bibliography(plugins: Sequence[str] = ()) -> dict[str, Work]:
    """Return the works in ``./conf/references.bib``, and those of plugins and gatekit, by key.

    If several files have a key, the first in the order of `config_folders` wins.

    Args:
        plugins: plugin files, whose configuration folders are searched too.

    Raises:
        ConfigError: a file cannot be read, is too large or is not BibTeX.
    """
    works: dict[str, Work] = {}
    for folder in reversed(config_folders(plugins)):
        path = folder / BIBLIOGRAPHY
        if os.path.lexists(path):
            works |= read_bibtex(_read_bibliography(path, folder), str(path))
    return works


def _read_bibliography(path: Path, folder: Path) -> str:
    data = content(path, folder, MAX_BYTES)
    return decoded(data.removeprefix(codecs.BOM_UTF8), path)
