"""Configuration folders: the place of a cell's file, the lines of its mistakes, and its works."""

from __future__ import annotations

import ast
import codecs
import contextlib
import itertools
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml

from gatekit.cell.errors import (
    CellError,
    ExpressionError,
    as_typed,
    nearest_name,
    shown,
)
from gatekit.cell.show.bibtex import parse
from gatekit.cell.show.works import Work

from ..queries import config_dirs
from ..safe_yaml import content, decoded, line_of, read_text

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\Z")
BIBLIOGRAPHY = "references.bib"
MAX_BYTES = 1024 * 1024
"""The most bytes in a bibliography."""


@contextlib.contextmanager
def in_file(cell: object, plugins: Sequence[str] = ()) -> Iterator[None]:
    """Add the file and the line of your own cell to errors about the cell.

    Args:
        cell: the cell's name; anything else has no file.
        plugins: plugin files, whose configuration folders are searched too.

    Raises:
        CellError: the block raised it; the file is now in front of the message.
        ExpressionError: the block raised it; the message changes in the same way.
    """
    try:
        yield
    except (CellError, ExpressionError) as error:
        path = _own_file(cell, plugins) if isinstance(cell, str) else None
        if path is None or not str(error).startswith("cell"):
            raise
        message = _in_yaml(str(error))
        raise type(error)(f"{shown(path)}{_line(path, message)}: {_lines(path, message)}") from None


def _line(path: Path, message: str) -> str:
    """Return ``, line 5`` for the place in a message; the line of ``defaults`` if inherited."""
    line = line_of(path, message)
    inherited = "" if line else line_of(path, "cell.defaults")
    return f"{inherited}, inherited through `defaults`" if inherited else line


_PLACE = re.compile(
    r"(?<=.)\bcell\.(?:gates|equations|parameters|constants|inputs|norms)\.\w+(?![\w.=:*])"
)


def _lines(path: Path, message: str) -> str:
    """Return a message that also shows the lines of other entries and of one set to null."""

    def numbered(match: re.Match[str]) -> str:
        line = line_of(path, match[0])
        return f"{match[0]} ({line.removeprefix(', ')})" if line else match[0]

    message = _PLACE.sub(numbered, message)
    if not line_of(path, message):
        gone = "; with the changes in the file nothing reads it: use it in an equation,"
        message = re.sub(r"; to change an inherited one, .* in an equation,", gone, message)
    unknown = re.search(r"the name '(\w+)' is unknown|'(\w+)' is not a signal", message)
    if unknown is None:
        return message
    name, text = unknown[1] or unknown[2], read_text(path, path.parents[1])
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for section, value in root.value if isinstance(root, yaml.MappingNode) else ():
        entries = value.value if isinstance(value, yaml.MappingNode) else ()
        removed = [key for key, inner in entries if key.value == name and _is_null(inner)]
        if removed:
            return (
                f"{message} Line {removed[0].start_mark.line + 1} sets {name} to null, which "
                f"removes it from {section.value}: give it a value."
            )
        if section.value in ("gates", "equations", "parameters", "constants") and _is_null(value):
            message += f" `{section.value}:` in line {section.start_mark.line + 1} is empty."
    return message


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _in_yaml(message: str) -> str:
    """Return a message with its remedy in YAML: ``norm: null`` in place of ``norm=None``."""

    def typed(match: re.Match[str]) -> str:
        try:
            value = as_typed(ast.literal_eval(match[3]))
        except (ValueError, SyntaxError):
            value = match[3]
        return f"{match[1]} {match[2]}: {value}"

    message = re.sub(r"\b(option) (\w+)=(.+?)(?= should be )", typed, message)
    message = re.sub(r"\b([Ww]rite) (\w+)=(.+?)(?=\.$|\. |$)", typed, message)
    return re.sub(r"\bcell\.(\w+)\.(\w+)=null\b", r"`\1: {\2: null}`", message)


_NEW = {
    "block": ", after `gatekit new block NAME` has written its plugin",
    "task": ", or a plugin, which `gatekit new task NAME` writes",
}


def own_file(group: str, name: str, known: Iterable[str]) -> str:
    """Return a sentence about the place where gatekit looks for your own configuration.

    It is empty if there is no folder ``conf`` and the name is a misspelt known name.

    Args:
        group: ``cell``, ``task`` or another folder of ``./conf``.
        name: the unknown name.
        known: the known names.
    """
    folder = Path.cwd() / "conf"
    path = folder / group / f"{name if NAME.match(name) else 'NAME'}.yaml"
    sentence = f"Your own {group.replace('_', ' ')} would be the file {path}"
    if not folder.is_dir():
        lost = f"{sentence}, but this folder has no conf: cd to your project."
        near = nearest_name(name, known)
        # A misspelt name is about as long; any other name may be a file in another folder.
        return "" if near and abs(len(near) - len(name)) < 2 else lost
    return f"{sentence}{_NEW.get(group, '')}."


MOST_FOLDERS = 200


def misplaced(group: str, name: str) -> str:
    """Return a sentence about your own file if it is not where gatekit looks for it.

    It is empty if there is no such file elsewhere in ``./conf``, next to ``./conf``, or in the
    ``conf`` of a folder above or inside the working folder.

    Args:
        group: ``cell``, ``task`` or another folder of ``./conf``.
        name: the unknown name.
    """
    if not NAME.match(name):
        return ""
    here, inner = Path.cwd(), Path("conf", group, f"{name}.yaml")
    path, what = here / inner, group.replace("_", " ")
    if path.is_dir():
        return f"{shown(path)} is a folder; a {what} is a file."
    folders: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(here) as entries:
        folders = sorted(Path(entry.path) for entry in itertools.islice(entries, MOST_FOLDERS))
    for project in [*here.parents[:4], *folders]:
        if (project / inner).is_file():
            return (
                f"Your {what} is {os.path.relpath(project / inner)}, but gatekit looks in ./conf: "
                f"type cd {shlex.quote(os.path.relpath(project))}"
            )
    stems = (here / "conf" / group / name, here / "conf" / name, here / name, here / group / name)
    for near in (stem.with_name(stem.name + end) for stem in stems for end in (".yaml", ".yml")):
        if near.is_file():
            folder = "" if path.parent.is_dir() else f"mkdir -p {path.parent.relative_to(here)} && "
            return (
                f"Move your file: type {folder}mv {shlex.quote(shown(near))} "
                f"{shlex.quote(shown(path))}"
            )
    return ""


def _own_file(name: str, plugins: Sequence[str]) -> Path | None:
    path = cell_file(name, config_folders(plugins))
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


def cell_file(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the YAML file of a cell in the first folder that has one, even if it is damaged."""
    if not NAME.match(name):
        return None
    paths = (folder / "cell" / f"{name}.yaml" for folder in folders)
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
            works |= parse(_read_bibliography(path, folder), str(path))
    return works


def _read_bibliography(path: Path, folder: Path) -> str:
    data = content(path, folder, MAX_BYTES)
    return decoded(data.removeprefix(codecs.BOM_UTF8), path)
