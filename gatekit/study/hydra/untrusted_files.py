"""Check a configuration file from outside gatekit, before Hydra reads it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from gatekit.cell.errors import ConfigError, as_typed, excerpt, listed
from gatekit.cell.schema.limits import SECTIONS
from gatekit.faults import (
    NOTHING,
    Both,
    Fault,
    Fix,
    Kind,
    Note,
    OneOf,
    Place,
    Remove,
    Rename,
    Run,
    Set,
    Table,
    fits,
    known_as,
    note_for,
    unknown_name,
    unknown_option,
    wrong,
)
from gatekit.registry import catalogue, tasks
from gatekit.registry.cells import cell_file, config_folders, default_name, file_channel
from gatekit.registry.safe_yaml import parse, read_text
from gatekit.study.config import meant_key, wrong_value
from gatekit.study.interpolations import refuse_keywords, refuse_resolvers
from gatekit.study.keys import CHANGED, DECLARED, GROUPS, KEY, NAME, USUAL
from gatekit.study.line import QUICK
from gatekit.study.options import HYDRA_GROUPS, SWEEPER_KEYS, known_key

P = Place.of
REMEDY = Note(("delete it, or add --trust-config if you wrote this file yourself",))
LISTED_BY = {"experiment": "train --help", "output_unit": "output-units"}
"""The command that lists the names of a group, if it is not called like them."""
_NOT_HERE = "it is not allowed in a configuration file"
TYPED = ("plugins", "root")
"""Keys that choose code to run or a folder to write to; they must be typed, not read from files."""

RUNS_COMMANDS = ("setup", "sbatch", "address")
"""Options of the launcher that run shell lines, or send runs to another machine."""

OPEN = ("experiment", "change")
"""Groups whose files set keys of the run, not keys of their own."""

_BASE = "experiment"
"""The group of a file that another one starts from, which overrides nothing."""
MAX_FILES = 20
MAX_BYTES = 128 * 1024

_GROUP = re.compile(rf"(?:(?:override|optional) )*/(?P<group>{'|'.join(GROUPS + HYDRA_GROUPS)})")
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
    with _written(path, place):
        group = _group(place)
        if package not in (None, "_global_" if group in OPEN else group.replace("/", ".")):
            _refuse(Place(), f"the header `# @package {excerpt(package)}` is not allowed")
        if group not in (*OPEN, "cell") and isinstance(data.get(group), Mapping):
            why = f"the file is the {group} itself: remove this line and the indentation below it"
            raise ConfigError(Fault(Kind.REFUSED, _above(place) / group, why=why))
        for key in data:
            if key == "hydra" and group == "experiment":
                _refuse_hydra(data[key], places)
            elif str(key).partition(".")[0] == "hydra":
                _refuse(_above(place) / str(key), _NOT_HERE)
            elif key in TYPED and group == "experiment":
                _refuse(P(key), "it must be typed, not read from a file")
        above = str(_above(place))
        refuse_keywords(data, f"{above}." if above else "")
        refuse_resolvers({k: value for k, value in data.items() if k != "defaults"}, above)
        if group == "hydra/launcher":
            _refuse_launcher(data)
        elif group == "hydra/sweeper":
            node = {k: v for k, v in data.items() if k != "defaults"}
            _refuse_sweeper(node, P("hydra.sweeper"), places)
        inner = {"task": "name", "block": "kind"}.get(group, "")
        named = "defaults" in data or any(known_as("kind", key) or key == inner for key in data)
        if inner and data and not named:
            kinds = tasks() if group == "task" else catalogue().blocks
            usual = USUAL.get(group, "modern")
            having = [each for each, kind in kinds.items() if {*data} <= {*kind.option_names()}]
            several = len(having) > 1
            first = usual if usual in having else [*having, usual][0]
            fixes: tuple[Fix, ...] = (Set(P(group) / inner, first, such=several),)
            if several:
                fixes += (Note((f"those with these keys: {listed(having, 12)}",)),)
            raise ConfigError(Fault(Kind.MISSING, P(group) / inner, fixes=fixes))
        if group in OPEN:
            chosen = {k: excerpt(v) for k, v in data.items() if k in GROUPS and isinstance(v, str)}
            entries = data.get("defaults")
            for key, name in chosen.items():
                if "," in name:
                    _refuse_list(key, name.split(","))
                had = entries if isinstance(entries, list) else []
                lines: list[Any] = [
                    *({f"override /{each}": of} for each, of in chosen.items() if each != _BASE),
                    *((chosen[_BASE], "_self_") if _BASE in chosen else ()),
                ]
                added = Set(P("defaults"), [*had, *(line for line in lines if line not in had)])
                fix = Both((*(Remove(P(each)) for each in chosen), added))
                why = "a file of this folder is chosen in the defaults"
                raise ConfigError(Fault(Kind.REFUSED, P(key), name, why=why, fixes=(fix,)))
            for key, value in data.items():
                # Hydra cannot merge another value, and names neither the key nor the line.
                mapping = key in DECLARED and isinstance(DECLARED[key].type, Table)
                if mapping and not isinstance(value, Mapping | None):
                    if key in GROUPS and isinstance(value, list) and all(map(_named, value)):
                        _refuse_list(key, value)
                    raise ConfigError(wrong_value(P(key), value, DECLARED[key].type))
                if mapping and isinstance(value, Mapping) and key in USUAL:
                    _refuse_other(key, value.get("name"), entries)
        task = data.get("task") or {} if group == "experiment" else data if group == "task" else {}
        for key in places:
            _refuse_place(P("task") / key, task.get(key))


def _refuse_list(key: str, values: Sequence[str]) -> NoReturn:
    """Refuse several values of a key in an experiment, which are those of a sweep."""
    words = ",".join(value.strip() for value in values)
    swept = {"mode": "MULTIRUN", "sweeper": {"params": {key: words}}}
    why = "several values are a sweep"
    raise ConfigError(
        Fault(Kind.REFUSED, P(key), list(values), why=why, fixes=(Set(P("hydra"), swept),))
    )


def _refuse_other(key: str, name: Any, entries: Any) -> None:
    """Refuse ``task: {name: copy}`` beside the default task, whose file has other options."""
    lines = entries if isinstance(entries, list) else []
    overridden = any(isinstance(line, Mapping) and f"override /{key}" in line for line in lines)
    if overridden or not isinstance(name, str) or name == USUAL[key]:
        return
    if cell_file(name, config_folders(), key):
        both = Both(
            (Remove(P(key) / "name"), Set(P("defaults"), [*lines, {f"override /{key}": name}]))
        )
        why = "a file of this folder is chosen in the defaults"
        raise ConfigError(Fault(Kind.REFUSED, P(key) / "name", name, why=why, fixes=(both,)))


@contextlib.contextmanager
def _written(path: Path, place: str) -> Iterator[None]:
    """Add the file and the line of what is wrong to errors about a file."""
    try:
        yield
    except ConfigError as error:
        raise error.spoken(file_channel(path, _above(place).path)) from None


def _named(value: object) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _above(place: str) -> Place:
    """Return the keys that the keys of a file are below, as ``cell`` for ``cell/mine``."""
    group = tuple(place.split("/")[:-1])
    return Place(() if group[:1] in (("experiment",), ("change",)) else group)


def _refuse(place: Place, why: str, given: Any = NOTHING, *fixes: Fix) -> NoReturn:
    raise ConfigError(Fault(Kind.REFUSED, place, given, why=why, fixes=fixes or (REMEDY,)))


def refuse_in_change(path: Path, data: Mapping[str, Any]) -> None:
    """Refuse keys that a change cannot set, because labels would hide them.

    Raises:
        ConfigError: the file has such a key.
    """
    for key in data:
        if key not in (*CHANGED, "defaults"):
            with _written(path, "change/"):
                place, to = Place((str(key),)), P(meant_key(str(key)))
                role = "." not in str(key)
                if role and isinstance(data[key], str) and data[key] in catalogue().gates:
                    to = P("swap") / key  # the role of a gate
                sections = {name: data[name] for name in data if name in SECTIONS}
                fault = unknown_option(place, data[key], CHANGED)
                fixes: tuple[Fix, ...]
                if key in SECTIONS:
                    gone, given = (Remove(P(name)) for name in sections), data.get("cell")
                    whole = {**(given if isinstance(given, Mapping) else {}), **sections}
                    fixes = (Both((*gone, Set(P("cell"), whole))),)
                elif to.path[0] in CHANGED:  # a file has a mapping in place of each dot
                    fixes = (Rename(place, to),)
                else:
                    other = Note(("other keys belong into a file of conf/experiment",))
                    fixes = (*fault.fixes, other)
                raise ConfigError(replace(fault, why="a change does not set it", fixes=fixes))


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
    counts = [0, 0]

    def walk(place: str, chain: tuple[str, ...]) -> bool:
        """Return whether there is such a configuration."""
        if place in chain:
            why = f"they are circular: {' -> '.join([*chain, place])}"
            _refuse(_above(chain[-1]) / "defaults", why, NOTHING, Note(("remove one of them",)))
        group, _, name = place.partition("/")
        folder = next((f for f in folders if os.path.lexists(f / f"{place}.yaml")), None)
        if folder is None:
            small = place.removesuffix(QUICK)
            known = name in registered.get(group, ()) or group not in GROUPS
            return known or (group == "experiment" and small != place and walk(small, chain))
        path = folder / f"{place}.yaml"
        text, data = read(path, folder)
        counts[0] += 1
        counts[1] += len(text.encode())
        if counts[0] > MAX_FILES or counts[1] > MAX_BYTES:
            why = f"they lead through more than {MAX_FILES} files or {MAX_BYTES:,} bytes"
            at = _above(chain[0] if chain else place) / "defaults"
            _refuse(at, why, NOTHING, Note(("write fewer, larger files",)))
        with _written(path, place):
            for number, below in _defaults(data, _group(place)):
                if not walk(below, (*chain, place)):
                    absent(_above(place) / "defaults", below, data["defaults"], number)
        return True

    def absent(at: Place, below: str, entries: Sequence[Any], number: int) -> None:
        if isinstance(entries[number], Mapping) and "optional" in str([*entries[number]]):
            return
        group, _, name = below.partition("/")
        files = {path.stem for folder in folders for path in (folder / group).glob("*.yaml")}
        known = files | {*registered.get(group, ())}
        fault = unknown_name(at, name, known, f"{group.replace('_', ' ')}s")
        near: Any = next((fix.value for fix in fault.fixes if isinstance(fix, Set)), "")
        one = dict.fromkeys(entries[number], near) if isinstance(entries[number], dict) else near
        fixes = (Set(at, [*entries[:number], one, *entries[number + 1 :]]),) if near else ()
        lists = Run(LISTED_BY.get(group, fault.what)) if fault.lists else None
        raise ConfigError(replace(fault, fixes=fixes, lists=lists))

    walk(place, ())


def _group(place: str) -> str:
    for group in (*GROUPS, *HYDRA_GROUPS):
        name = place.removeprefix(f"{group}/")
        if name != place and NAME.fullmatch(name):
            return group
    folders = listed([*GROUPS, *HYDRA_GROUPS])
    why = f"it would replace a configuration of Hydra or gatekit; conf has the folders {folders}"
    if "/" in place:
        way = "keys of a study go into a file of conf/experiment: move it, or add --trust-config "
        way += "if you wrote this file yourself"
    else:  # conf/train.yaml with the keys of an experiment
        way = f"move it to conf/experiment/{place}.yaml, with `# @package _global_` as its first "
        way += f"line, and type experiment={place}"
    _refuse(Place(), why, NOTHING, Note((way,)))


def _defaults(data: Mapping[str, Any], group: str) -> Iterator[tuple[int, str]]:
    """Yield the position and the name of each file in the defaults, such as ``cell/lstm``."""
    entries: Any = () if data.get("defaults") is None else data["defaults"]
    at = _above(f"{group}/") / "defaults"
    own = Note(("or add --trust-config if you wrote this file yourself",))
    if not isinstance(entries, (list, tuple)):
        fixes = (Set(at, [entries, "_self_"]),) if _named(entries) else ()
        raise ConfigError(Fault(Kind.WRONG, at, entries, "a list", fixes=fixes))
    for number, entry in enumerate(entries):
        place = None
        if group == "cell":
            place = f"cell/{default_name(entry, entries)}"
        elif isinstance(entry, str):
            absolute = entry.removeprefix("/") if group == "experiment" else entry
            known = absolute.partition("/")[0] in GROUPS and absolute != entry
            place = absolute if known else f"{group}/{entry}" if NAME.fullmatch(entry) else None
        elif isinstance(entry, Mapping) and len(entry) == 1:
            ((key, value),) = entry.items()
            match = _GROUP.fullmatch(str(key)) if group in OPEN else None
            if match and group == "change" and match["group"] not in CHANGED:
                match = None
            if match and match["group"] == _BASE and value is not None:
                lines = [value, *(each for each in entries if each not in (entry, "_self_"))]
                _refuse(at, "Hydra would ignore it", NOTHING, Set(at, [*lines, "_self_"]))
            if match and group == "experiment" and match["group"] in HYDRA_GROUPS:
                _refuse_hydra_file(at, match["group"], value)
            adds = match is not None and group == "experiment" and "override" not in key
            if match and adds and match["group"] in USUAL:
                lines = [*entries[:number], {f"override /{match['group']}": value}]
                why = "a run has a file of this folder already, which another one overrides"
                _refuse(at, why, NOTHING, Set(at, [*lines, *entries[number + 1 :]]))
            if match and value is None:
                continue
            if match and isinstance(value, str) and NAME.fullmatch(value):
                place = f"{match['group']}/{value}"
        if place is None or not NAME.fullmatch(place):
            meant = _as_override(entry)
            such = [meant] if meant != entry and group in OPEN else []
            later = (_as_override(each) for each in entries[number + 1 :])
            others = [*entries[:number], *such, *later]
            why = f"the entry {excerpt(as_typed(entry))} is not allowed here"
            _refuse(at, why, NOTHING, Set(at, others or [{"override /cell": "lstm"}]), own)
        if place != f"{group}/_self_":
            yield number, place.removesuffix(".yaml")


def _as_override(entry: Any) -> Any:
    """Return an entry of the defaults as an override, if it names a file of a group."""
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((key, value),) = entry.items()
        bare = str(key).rpartition("/")[2].rpartition(" ")[2]
        if bare in GROUPS and isinstance(value, str) and NAME.fullmatch(value):
            return {f"override /{bare}": value}
    return entry


def _refuse_hydra_file(at: Place, group: str, name: object) -> NoReturn:
    """Refuse a sweeper or launcher in the defaults of an experiment, which Hydra would ignore."""
    fix: Fix = Note((f"type {group}={name}",))
    if group == "hydra/sweeper":
        fix = Set(P("hydra"), {"mode": "MULTIRUN", "sweeper": {"kind": name}})
    _refuse(at, f"{group} has no effect here", NOTHING, fix)


def _refuse_hydra(node: Any, places: Sequence[str]) -> None:
    at = P("hydra")
    for key in node if isinstance(node, Mapping) else [] if node is None else [node]:
        if key not in ("mode", "sweeper") or not isinstance(node, Mapping):
            way = (
                "write n_jobs: 4, a key of the run, for runs at once; type its other options, such "
                "as hydra.launcher.backend=slurm, or choose a file of "
            )
            choose = Note((f"{way}conf/hydra/launcher with hydra/launcher=NAME",))
            notes: list[Fix] = [choose] * (key == "launcher")
            options = node[key] if isinstance(node, Mapping) else None
            if key == "launcher" and isinstance(options, Mapping) and "n_jobs" in options:
                notes = [Both((Remove(at / key), Set(P("n_jobs"), options["n_jobs"])))]
            if key != "launcher" and (note := note_for("hydra", f"hydra.{key}")):
                unused = key in ("run", "sweep", "output_subdir")  # also in a file that is trusted
                notes = [Note((f"delete it; {note}",))] if unused else [REMEDY, Note((note,))]
            _refuse(at / excerpt(str(key)), _NOT_HERE, NOTHING, *notes)
    mode = node.get("mode") if node else None
    if mode is not None and not fits(mode, _MODES):
        raise ConfigError(wrong(at / "mode", mode, _MODES, "MULTIRUN"))
    if node and node.get("sweeper") is not None:
        _refuse_sweeper(node["sweeper"], at / "sweeper", places)


def _swept(within: Place, place: Place, value: Mapping[str, Any]) -> Iterator[Fix]:
    """Yield what a mapping means below the values of a sweep: a group's keys, or a range."""
    low, high = value.get("min", value.get("low")), value.get("max", value.get("high"))
    if isinstance(value.get("values"), list):
        yield Set(place, ",".join(map(as_typed, value["values"])))
    elif isinstance(low, (int, float)) and isinstance(high, (int, float)):
        yield Set(place, f"interval({as_typed(low)},{as_typed(high)})")
    elif place.last in DECLARED and isinstance(DECLARED[place.last].type, Table):
        sets = (Set(within / f"{place.last}.{key}", each) for key, each in value.items())
        yield Both((Remove(place), *sets))


def _refuse_sweeper(node: Any, at: Place, places: Sequence[str]) -> None:
    keys = node if isinstance(node, Mapping) else [node]
    for key in keys:
        if key not in (*SWEEPER_KEYS, "kind"):
            place, swept = at / excerpt(str(key)), []
            if isinstance(node, Mapping) and str(key).partition(".")[0] in (*GROUPS, *DECLARED):
                had = node.get("params")
                params = {**(had if isinstance(had, Mapping) else {}), key: node[key]}
                swept = [Both((Remove(place), Set(at / "params", params)))]
            _refuse(place, "there is no such key", NOTHING, *swept)
        if key not in ("params", "grids") and "${" in str(node[key]):
            _refuse(at / key, "a value is expected, not a reference", node[key])
    grids = node.get("grids") or []
    if not isinstance(grids, list):
        fixes: tuple[Fix, ...] = (Set(at / "grids", [grids]),) if isinstance(grids, dict) else ()
        fault = Fault(Kind.WRONG, at / "grids", grids, "a list of mappings", fixes=fixes)
        raise ConfigError(fault)
    sets = [(at / "params", node.get("params") or {})]
    sets += [(at / "grids" / number, grid) for number, grid in enumerate(grids)]
    for within, params in sets:
        if not isinstance(params, Mapping):
            words = map(str, params if isinstance(params, list) else ())
            pairs = dict(word.split("=", 1) for word in words if "=" in word)
            way = (Set(within, pairs),) if pairs else ()
            raise ConfigError(Fault(Kind.WRONG, within, params, "a mapping", fixes=way))
        before = ""
        for key, value in params.items():
            name, place = str(key).lstrip("+~"), within / str(key)
            if value is None and isinstance(params.get(before), str) and name not in DECLARED:
                fix = Both((Remove(place), Set(within / before, f"{params[before]},{key}")))
                why = "a comma without quotes ends the value before it"
                raise ConfigError(Fault(Kind.REFUSED, place, why=why, fixes=(fix,)))
            before = str(key)
            if not KEY.fullmatch(name) or name.partition(".")[0] in ("hydra", *TYPED):
                _refuse(place, "it cannot be swept in a file")
            if isinstance(value, Mapping):
                fixes = tuple(_swept(within, place, value))
                expected = "values such as 'a,b'"
                raise ConfigError(Fault(Kind.WRONG, place, value, expected, fixes=fixes))
            if name == "task" and "{" in str(value):
                _refuse(place, "names of tasks are expected", str(value))
            if name.removeprefix("task.") in places:
                for one in str(value).split(","):
                    _refuse_place(place, one)


def _refuse_launcher(data: Mapping[str, Any]) -> None:
    for key in data:
        if key in RUNS_COMMANDS:
            at = P("hydra.launcher") / key
            _refuse(at, "it runs commands or reaches another machine", NOTHING, _TYPE_IT)
        if key != "defaults":
            known_key(str(key))


def _refuse_place(place: Place, value: object) -> None:
    if value is not None and not (isinstance(value, str) and _DATA.fullmatch(value)):
        why = "a file may only name data below the working folder, such as data/mine.txt"
        _refuse(place, why, excerpt(str(value)), _TYPE_IT)


_TYPE_IT = Note(("type it, or add --trust-config if you wrote this file yourself",))
_MODES = OneOf(("RUN", "MULTIRUN"))
