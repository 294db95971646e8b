"""Check a configuration file from outside gatekit, before Hydra reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, excerpt, listed, quoted, shown
from gatekit.faults import Place
from gatekit.registry.cells import after_self
from gatekit.registry.safe_yaml import line_of, parse, read_text
from gatekit.study.interpolations import refuse_keywords, refuse_resolvers
from gatekit.study.keys import CHANGED, GROUPS, KEY, NAME
from gatekit.study.options import HYDRA_GROUPS, SWEEPER_KEYS, known_key

REMEDY = "delete it, or add --trust-config if you wrote this file yourself"
TYPED = ("plugins", "root")
"""Keys that choose code to run or a folder to write to; they must be typed, not read from files."""

RUNS_COMMANDS = ("setup", "sbatch", "address")
"""Options of the launcher that run shell lines, or send runs to another machine."""

OPEN = ("experiment", "change")
"""Groups whose files set keys of the run, not keys of their own."""

MAX_FILES = 20
MAX_BYTES = 128 * 1024

_GROUP = re.compile(rf"(?:(?:override|optional) )*/(?P<group>{'|'.join(GROUPS + HYDRA_GROUPS)})")
_HERE = re.compile(r"(?:/cell/(?=.*@))?(?P<name>[^@]+)(?:@_here_)?")
_DATA = re.compile(r"(?!.*\.\.)\w[\w .-]*(?:/[\w-][\w .-]*)*", re.ASCII)


def read(path: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    """Return the text and the data of a configuration file; the data of equal text are cached.

    Args:
        path: the file.
        folder: the folder of configurations that it is in.

    Raises:
        ConfigError: the file is not YAML with plain values only.
    """
    text = read_text(path, folder)
    return text, parse(text, path)


def refuse(
    place: str, path: Path, data: Mapping[str, Any], package: str | None, places: Sequence[str]
) -> None:
    """Refuse a file that could make Hydra do more than compose keys of a study.

    Args:
        place: where the file is in its folder, such as ``cell/mine``.
        path: the file.
        data: its content.
        package: the package that its header asks for.
        places: options of tasks that name your own files.

    Raises:
        ConfigError: the file is in no group, or has a header, reference or key that is not
            allowed.
    """
    group = _group(place, path)
    if package not in (None, "_global_" if group in OPEN else group.replace("/", ".")):
        raise ConfigError(
            f"{path}: the header `# @package {excerpt(package)}` is not allowed; {REMEDY}."
        )
    if group not in (*OPEN, "cell") and isinstance(data.get(group), Mapping):
        line = line_of(path, Place(("", group)))
        why = f"the file is the {group} itself: remove the line `{group}:` and the indentation"
        raise ConfigError(f"{shown(path)}{line}: {why} below it.")
    for key in data:
        if key == "hydra" and group == "experiment":
            _refuse_hydra(data[key], path, places)
        elif str(key).partition(".")[0] == "hydra":
            raise ConfigError(f"{path}: {key} is not allowed in a configuration file; {REMEDY}.")
        elif key in TYPED and group == "experiment":
            raise ConfigError(f"{path}: {key} must be typed, not read from a file; {REMEDY}.")
    try:
        refuse_keywords(data, "")
        refuse_resolvers({key: value for key, value in data.items() if key != "defaults"}, "")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if group == "hydra/launcher":
        _refuse_launcher(data, path)
    elif group == "hydra/sweeper":
        _refuse_sweeper({k: v for k, v in data.items() if k != "defaults"}, path, places)
    task = data.get("task", {}) if group == "experiment" else data if group == "task" else {}
    if group in OPEN:
        chosen = {k: excerpt(v) for k, v in data.items() if k in GROUPS and isinstance(v, str)}
        if chosen:
            lines = "".join(
                f"\n    - override /{key}: {excerpt(name)}" for key, name in chosen.items()
            )
            names = ", ".join(f"{key}: {name}" for key, name in chosen.items())
            raise ConfigError(
                f"{path}: {names}: choose a file of conf in the defaults. Write\n"
                f"  # @package _global_\n  defaults:{lines}"
            )
    if not isinstance(task, Mapping):
        raise ConfigError(
            f"{path}: task={quoted(task)}: a mapping is expected, such as {{length: 100}}."
        )
    for key in places:
        _refuse_place(f"task.{key}", task.get(key), path)


def refuse_in_change(path: Path, data: Mapping[str, Any]) -> None:
    """Refuse keys that a change cannot set, because labels would hide them.

    Raises:
        ConfigError: the file has such a key.
    """
    for key in data:
        if key not in (*CHANGED, "defaults"):
            raise ConfigError(
                f"{path}: {excerpt(str(key))} is not a key of a change; it may set "
                f"{', '.join(CHANGED)}. Other keys belong into conf/experiment/NAME.yaml."
            )


def refuse_endless(place: str, folders: Sequence[Path]) -> None:
    """Refuse defaults that are circular or lead through too many files.

    Args:
        place: the file that is composed, such as ``cell/mine``.
        folders: the folders to search for configurations, in this order.

    Raises:
        ConfigError: the defaults are circular or too long, or one of their entries is not allowed.
    """
    counts = [0, 0]

    def walk(place: str, chain: tuple[str, ...]) -> None:
        if place in chain:
            raise ConfigError(f"the defaults are circular: {' -> '.join([*chain, place])}")
        folder = next((f for f in folders if os.path.lexists(f / f"{place}.yaml")), None)
        if folder is None:
            return
        path = folder / f"{place}.yaml"
        text, data = read(path, folder)
        counts[0] += 1
        counts[1] += len(text.encode())
        if counts[0] > MAX_FILES or counts[1] > MAX_BYTES:
            raise ConfigError(
                f"{chain[0] if chain else place}: defaults lead through more than {MAX_FILES} "
                f"files or {MAX_BYTES:,} bytes; write fewer, larger files."
            )
        for below in _defaults(data, _group(place, path), path):
            walk(below, (*chain, place))

    walk(place, ())


def _group(place: str, path: Path) -> str:
    for group in (*GROUPS, *HYDRA_GROUPS):
        name = place.removeprefix(f"{group}/")
        if name != place and NAME.fullmatch(name):
            return group
    raise ConfigError(
        f"{path} would replace a configuration of Hydra or gatekit: your files go into conf/NAME, "
        f"where NAME is one of {listed([*GROUPS, *HYDRA_GROUPS])}. Keys of a study go into "
        f"conf/experiment/NAME.yaml; move the file, or add --trust-config if you wrote it yourself."
    )


def _defaults(data: Mapping[str, Any], group: str, path: Path) -> Iterator[str]:
    """Yield each file named in the defaults of a file, such as ``cell/lstm``."""
    entries = data.get("defaults")
    if not isinstance(entries, (list, type(None))):
        such = entries if isinstance(entries, str) and NAME.fullmatch(entries) else "NAME"
        raise ConfigError(
            f"{shown(path)}{line_of(path, Place(('', 'defaults')))}: defaults is "
            f"{quoted(entries)}; a list is expected: write defaults: [{such}, _self_]."
        )
    names = [entry for entry in entries or () if isinstance(entry, str)]
    if group == "cell" and "_self_" in names[:-1]:
        raise ConfigError(f"{path}: defaults {after_self(names)}")
    for entry in entries or ():
        place = None
        if isinstance(entry, str):
            match = _HERE.fullmatch(entry) if group == "cell" else None
            name = match["name"] if match else entry
            absolute = name.removeprefix("/") if group == "experiment" else name
            known = absolute.partition("/")[0] in GROUPS and absolute != name
            place = absolute if known else f"{group}/{name}" if NAME.fullmatch(name) else None
        elif isinstance(entry, Mapping) and len(entry) == 1:
            ((key, value),) = entry.items()
            match = _GROUP.fullmatch(str(key)) if group in OPEN else None
            if match and group == "change" and match["group"] not in CHANGED:
                match = None
            if match and value is None:
                continue
            if match and isinstance(value, str) and NAME.fullmatch(value):
                place = f"{match['group']}/{value}"
        if place is None or not NAME.fullmatch(place):
            example = "[lstm, _self_]" if group != "experiment" else "[override /cell: lstm]"
            if isinstance(entry, Mapping) and len(entry) == 1 and group in OPEN:
                ((key, value),) = entry.items()
                bare = str(key).rpartition("/")[2].rpartition(" ")[2]
                if bare in GROUPS and isinstance(value, str) and NAME.fullmatch(value):
                    example = f"[override /{bare}: {value}]"
            line = line_of(path, Place(("", "defaults")))
            raise ConfigError(
                f"{shown(path)}{line}: defaults: {quoted(entry)} is not allowed here; write "
                f"defaults: {example}, or add --trust-config if you wrote this file yourself."
            )
        if place != f"{group}/_self_":
            yield place.removesuffix(".yaml")


def _refuse_hydra(node: Any, path: Path, places: Sequence[str]) -> None:
    for key in node if isinstance(node, Mapping) else [] if node is None else [node]:
        if key not in ("mode", "sweeper") or not isinstance(node, Mapping):
            raise ConfigError(
                f"{path}: hydra.{excerpt(str(key))} is not allowed in a configuration file; "
                f"{REMEDY}."
            )
    mode = node.get("mode") if node else None
    if mode not in (None, "RUN", "MULTIRUN"):
        raise ConfigError(f"{path}: hydra.mode is {quoted(mode)}; RUN or MULTIRUN is expected.")
    if node and node.get("sweeper") is not None:
        _refuse_sweeper(node["sweeper"], path, places)


def _refuse_sweeper(node: Any, path: Path, places: Sequence[str]) -> None:
    keys = node if isinstance(node, Mapping) else [node]
    for key in keys:
        if key not in SWEEPER_KEYS:
            raise ConfigError(f"{path}: hydra.sweeper.{excerpt(str(key))} is not a key; {REMEDY}.")
        if key not in ("params", "grids") and "${" in str(node[key]):
            raise ConfigError(
                f"{path}: hydra.sweeper.{key} is {quoted(node[key])}; write a value, "
                "without ${...}."
            )
    grids = node.get("grids") or []
    if not isinstance(grids, list):
        raise ConfigError(f"{path}: hydra.sweeper.grids must be a list of mappings.")
    for params in [node.get("params") or {}, *grids]:
        if not isinstance(params, Mapping):
            raise ConfigError(f"{path}: hydra.sweeper.params and grids must contain mappings.")
        for key, value in params.items():
            name = str(key).lstrip("+~")
            if not KEY.fullmatch(name) or name.partition(".")[0] in ("hydra", *TYPED):
                raise ConfigError(f"{path}: {key!r} cannot be swept in a file; {REMEDY}.")
            if isinstance(value, Mapping):
                raise ConfigError(f"{path}: {key} is swept; write its values as 'a,b'.")
            if name == "task" and "{" in str(value):
                raise ConfigError(
                    f"{path}: task={excerpt(str(value))}: names of tasks are expected."
                )
            if name.removeprefix("task.") in places:
                for one in str(value).split(","):
                    _refuse_place(name, one, path)


def _refuse_launcher(data: Mapping[str, Any], path: Path) -> None:
    for key in data:
        if key in RUNS_COMMANDS:
            raise ConfigError(
                f"{path}: {key} runs commands or reaches another machine; type "
                f"hydra.launcher.{key}=..., or add --trust-config if you wrote this file yourself."
            )
        if key != "defaults":
            known_key(str(key))


def _refuse_place(key: str, value: object, path: Path) -> None:
    if value is not None and not (isinstance(value, str) and _DATA.fullmatch(value)):
        raise ConfigError(
            f"{path}: {key}={excerpt(str(value))}: a configuration file may only name data below "
            f"the working folder, such as data/mine.txt; type {key}=..., or add --trust-config if "
            "you wrote this file yourself."
        )
