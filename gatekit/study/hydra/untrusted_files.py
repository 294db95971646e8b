"""Check a configuration file from outside gatekit, before Hydra reads it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.faults import (
    NOTHING,
    Fault,
    Kind,
    Place,
    Table,
    fits,
    unknown_name,
    wrong,
)
from gatekit.registry.cells import default_name, file_channel
from gatekit.registry.safe_yaml import parse, read_text
from gatekit.study.interpolations import refuse_keywords, refuse_resolvers
from gatekit.study.keys import CHANGED, DECLARED, GROUPS, KEY, NAME
from gatekit.study.line import QUICK
from gatekit.study.options import HYDRA_GROUPS, SWEEPER_KEYS, known_key

P = Place.of
TYPED = ("plugins", "root")
"""Keys that choose code to run or a folder to write to; they must be typed, not read from files."""

RUNS_COMMANDS = ("setup", "sbatch", "address")
"""Options of the launcher that run shell lines, or send runs to another machine."""

OPEN = ("experiment", "change")
"""Groups whose files set keys of the run, not keys of their own."""

MAX_FILES = 20
MAX_BYTES = 128 * 1024

_GROUP = re.compile(rf"(?:(?:override|optional) )*/(?P<group>{'|'.join(GROUPS + HYDRA_GROUPS)})")
_DATA = re.compile(r"(?!.*\.\.)\w[\w .-]*(?:/[\w-][\w .-]*)*", re.ASCII)
_NOT_HERE = "it is not allowed in a configuration file"


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
    with _written(path, place):
        group, above = _group(place), _above(place)
        if package not in (None, "_global_" if group in OPEN else group.replace("/", ".")):
            _refuse(Place(), f"the header `# @package {excerpt(package)}` is not allowed")
        for key in data:
            if str(key).partition(".")[0] == "hydra" and (key, group) != ("hydra", "experiment"):
                _refuse(above / str(key), _NOT_HERE)
            if key in TYPED and group == "experiment":
                _refuse(P(key), "it must be typed, not read from a file")
        refuse_keywords(data, f"{above}." if above.path else "")
        refuse_resolvers({k: value for k, value in data.items() if k != "defaults"}, str(above))
        own = {key: value for key, value in data.items() if key != "defaults"}
        if group == "experiment":
            _refuse_hydra(data.get("hydra"), places)
        elif group == "hydra/launcher":
            _refuse_launcher(own)
        elif group == "hydra/sweeper":
            _refuse_sweeper(own, P("hydra.sweeper"), places)
        for key, value in data.items() if group in OPEN else ():
            if key in GROUPS and isinstance(value, str):
                _refuse(P(key), "a file of this folder is chosen in the defaults", value)
            # Hydra cannot merge another value, and names neither the key nor the line.
            table = key in DECLARED and isinstance(DECLARED[key].type, Table)
            if table and value is not None and not fits(value, DECLARED[key].type):
                raise ConfigError(wrong(P(key), value, DECLARED[key].type))
        task = data.get("task") or {} if group == "experiment" else data if group == "task" else {}
        for key in places:
            _refuse_place(P("task") / key, task.get(key))


@contextlib.contextmanager
def _written(path: Path, place: str) -> Iterator[None]:
    """Add the file and the line of what is wrong to errors about a file."""
    try:
        yield
    except ConfigError as error:
        raise error.spoken(file_channel(path, _above(place).path)) from None


def _above(place: str) -> Place:
    """Return the keys that the keys of a file are below, as ``cell`` for ``cell/mine``."""
    group = tuple(place.split("/")[:-1])
    return Place(() if group[:1] in (("experiment",), ("change",)) else group)


def _refuse(place: Place, why: str, given: Any = NOTHING) -> NoReturn:
    raise ConfigError(Fault(Kind.REFUSED, place, given, why=why))


def refuse_in_change(path: Path, data: Mapping[str, Any]) -> None:
    """Refuse keys that a change cannot set, because labels would hide them.

    Raises:
        ConfigError: the file has such a key.
    """
    with _written(path, "change/"):
        for key in data:
            if key not in (*CHANGED, "defaults"):
                raise ConfigError(Fault(Kind.UNKNOWN, Place((str(key),)), known=CHANGED))


def refuse_endless(
    place: str, folders: Sequence[Path], registered: Mapping[str, Collection[str]]
) -> None:
    """Refuse defaults that are circular, lead through too many files, or name what is not there.

    Args:
        place: the file that is composed, such as ``cell/mine``.
        folders: the folders to search for configurations, in this order.
        registered: the names that need no file, by group.

    Raises:
        ConfigError: the defaults are circular or too long, or one of their entries is not allowed.
    """
    files = size = 0

    def walk(place: str, chain: tuple[str, ...]) -> bool:
        """Return whether there is such a configuration."""
        nonlocal files, size
        if place in chain:
            at = _above(chain[-1]) / "defaults"
            _refuse(at, f"they are circular: {' -> '.join([*chain, place])}")
        group, _, name = place.partition("/")
        folder = next((f for f in folders if os.path.lexists(f / f"{place}.yaml")), None)
        if folder is None:
            small = place.removesuffix(QUICK)
            known = name in registered.get(group, ()) or group not in GROUPS
            return known or (group == "experiment" and small != place and walk(small, chain))
        path = folder / f"{place}.yaml"
        text, data = read(path, folder)
        files, size = files + 1, size + len(text.encode())
        if files > MAX_FILES or size > MAX_BYTES:
            at = _above(chain[0] if chain else place) / "defaults"
            _refuse(at, f"they lead through more than {MAX_FILES} files or {MAX_BYTES:,} bytes")
        with _written(path, place):
            for entry, below in _defaults(data, _group(place)):
                if not walk(below, (*chain, place)) and "optional" not in str(entry):
                    kind, _, name = below.rpartition("/")
                    there = {p.stem for each in folders for p in (each / kind).glob("*.yaml")}
                    names = there | {*registered.get(kind, ())}
                    at = _above(place) / "defaults"
                    raise ConfigError(unknown_name(at, name, names, f"{kind.replace('_', ' ')}s"))
        return True

    walk(place, ())


def _group(place: str) -> str:
    for group in (*GROUPS, *HYDRA_GROUPS):
        name = place.removeprefix(f"{group}/")
        if name != place and NAME.fullmatch(name):
            return group
    _refuse(Place(), "it would replace a configuration of Hydra or gatekit")


def _defaults(data: Mapping[str, Any], group: str) -> Iterator[tuple[Any, str]]:
    """Yield the entries of the defaults, and the file of each, such as ``cell/lstm``."""
    entries: Any = () if data.get("defaults") is None else data["defaults"]
    at = _above(f"{group}/") / "defaults"
    if not isinstance(entries, (list, tuple)):
        raise ConfigError(Fault(Kind.WRONG, at, entries, "a list"))
    for entry in entries:
        place: str | None = None
        if group == "cell":
            place = f"cell/{default_name(entry)}"
        elif isinstance(entry, str):
            absolute = entry.removeprefix("/") if group == "experiment" else entry
            known = absolute.partition("/")[0] in GROUPS and absolute != entry
            place = absolute if known else f"{group}/{entry}" if NAME.fullmatch(entry) else None
        elif isinstance(entry, Mapping) and len(entry) == 1:
            ((key, value),) = entry.items()
            match = _GROUP.fullmatch(str(key)) if group in OPEN else None
            chosen = match["group"] if match else ""
            if group == "change" and chosen not in CHANGED:
                chosen = ""
            if chosen in HYDRA_GROUPS or (chosen == "experiment" and value is not None):
                _refuse(at, f"Hydra would ignore {chosen}", entry)
            if chosen and value is None:
                continue
            if chosen and isinstance(value, str) and NAME.fullmatch(value):
                place = f"{chosen}/{value}"
        if place is None or not NAME.fullmatch(place):
            _refuse(at, "the entry is not allowed here", entry)
        if place != f"{group}/_self_":
            yield entry, place.removesuffix(".yaml")


def _refuse_hydra(node: Any, places: Sequence[str]) -> None:
    at = P("hydra")
    for key in node if isinstance(node, Mapping) else [] if node is None else [node]:
        if key not in ("mode", "sweeper") or not isinstance(node, Mapping):
            _refuse(at / excerpt(str(key)), _NOT_HERE)
    if node and node.get("mode") not in (None, "RUN", "MULTIRUN"):
        raise ConfigError(Fault(Kind.WRONG, at / "mode", node["mode"], "RUN or MULTIRUN"))
    if node and node.get("sweeper") is not None:
        _refuse_sweeper(node["sweeper"], at / "sweeper", places)


def _refuse_sweeper(node: Any, at: Place, places: Sequence[str]) -> None:
    for key in node if isinstance(node, Mapping) else [node]:
        if key not in (*SWEEPER_KEYS, "kind"):
            _refuse(at / excerpt(str(key)), "there is no such key")
        if key not in ("params", "grids") and "${" in str(node[key]):
            _refuse(at / key, "a value is expected, not a reference", node[key])
    grids = node.get("grids") or []
    if not isinstance(grids, list):
        raise ConfigError(Fault(Kind.WRONG, at / "grids", grids, "a list of mappings"))
    sets = [(at / "params", node.get("params") or {})]
    sets += [(at / "grids" / number, grid) for number, grid in enumerate(grids)]
    for within, params in sets:
        if not isinstance(params, Mapping):
            raise ConfigError(Fault(Kind.WRONG, within, params, "a mapping"))
        for key, value in params.items():
            name, place = str(key).lstrip("+~"), within / str(key)
            if not KEY.fullmatch(name) or name.partition(".")[0] in ("hydra", *TYPED):
                _refuse(place, "it cannot be swept in a file")
            if isinstance(value, Mapping) or (value is None and name not in DECLARED):
                raise ConfigError(Fault(Kind.WRONG, place, value, "values such as 'a,b'"))
            if name == "task" and "{" in str(value):
                _refuse(place, "names of tasks are expected", str(value))
            if name.removeprefix("task.") in places:
                for one in str(value).split(","):
                    _refuse_place(place, one)


def _refuse_launcher(data: Mapping[str, Any]) -> None:
    for key in data:
        if key in RUNS_COMMANDS:
            _refuse(P("hydra.launcher") / key, "it runs commands or reaches another machine")
        known_key(str(key))


def _refuse_place(place: Place, value: object) -> None:
    if value is not None and not (isinstance(value, str) and _DATA.fullmatch(value)):
        why = "a file may only name data below the working folder, such as data/mine.txt"
        _refuse(place, why, excerpt(str(value)))
