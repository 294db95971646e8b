"""Keys and values of a Python call as the words of a command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, described, excerpt
from gatekit.cell.row_wise import RowWise
from gatekit.faults import Fault, Kind, Place
from gatekit.faults.values import in_hydra
from gatekit.study.keys import GROUP_KEYS
from gatekit.study.line import parsed

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
# Keys whose value names a file; a mapping contains the name under one of `_NAMES`.
_NAMED = ("cell", "task", "output_unit", "block", "optimizer", "trainer")
_NAMES = ("name", "kind")


def words_of(overrides: Sequence[str | Sequence[str]], keys: Mapping[str, object]) -> list[str]:
    """Return the words of a command line, always with -m, which a sweep requires."""
    given: list[str] = []
    for each in overrides:
        if not isinstance(each, (str, list, tuple)):
            stars = f"; write it with two stars, **{each!r}" if isinstance(each, Mapping) else ""
            raise ConfigError(f"{described(each)}: write words such as 'cell=lstm'{stars}")
        try:
            given += shlex.split(each) if isinstance(each, str) else map(str, each)
        except ValueError as error:
            raise ConfigError(f"{each!r} cannot be split into words: {error}") from None
    if given[:1] == ["gatekit"]:  # a whole command
        given = given[2:]
    typed = [word for key, value in keys.items() for word in _typed(key, value)]
    mode = [] if {"-m", "--multirun"} & {*given} else ["-m"]
    return [*mode, *given, *typed]


def _typed(key: str, value: Any) -> list[str]:
    """Return the words for a key; a mapping has one word for each of its keys."""
    if key == "plugins":
        files = [value] if isinstance(value, (str, Path)) else value
        return [f"plugins=[{','.join(_value(key, Path(file)) for file in files)}]"]
    if isinstance(value, Mapping):
        if key == "cell" and {"gates", "equations", "emits"} <= {*value} and "name" not in value:
            raise ConfigError(
                "cell is a whole cell, and a run takes a cell by name: write it to "
                "conf/cell/mine.yaml, and cell='mine' (gatekit.RNN takes the mapping itself)"
            )
        words = []
        for inner, one in value.items():
            whole = key in _NAMED and inner in _NAMES
            words += _typed(key if whole else f"{key}.{inner}", one)
        return words
    if isinstance(value, (list, tuple, range)):
        if not value:
            raise ConfigError(f"{key}={value!r} has no values; give one, or omit {key}")
        if key == "swap" or (key in _NAMED and any(isinstance(one, Mapping) for one in value)):
            expected = "a name, or a mapping; only names are swept, in a list"
            if key == "swap":
                expected = "a mapping from roles to gates"
            raise ConfigError(Fault(Kind.WRONG, Place((key,)), value, expected))
        return [f"{key}={','.join(_value(key, one) for one in value)}"]
    return [f"{key}={_value(key, value)}"]


def _value(key: str, value: Any) -> str:
    """Return a value in Hydra's grammar; of strings, only a formula of a cell is quoted."""
    if isinstance(value, str):
        formula = key.startswith(("cell.", "swap.")) and parsed(f"{key}={value}") is None
        return in_hydra(value) if formula else value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Path):
        text = str(value)
        return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "\\'") + "'"
    if isinstance(value, Mapping):
        inner = (f"{name}: {_value(key, one)}" for name, one in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(key, one) for one in value) + "]"
    # Convert a NumPy number to a Python number.
    number = value.item() if getattr(value, "size", 0) == 1 else value
    if isinstance(number, (int, float)):
        return repr(number)
    raise ConfigError(
        f"{key} is {described(value)}; a string, a number, a boolean, None, a list of values to "
        f"sweep, or a mapping is expected; {_instead(key, value)}"
    )


def _instead(key: str, value: object) -> str:
    """Return the argument to write in place of an object."""
    if isinstance(value, type) and hasattr(value, "tolist"):  # np.float64
        return f"write {key}={value.__name__!r}"
    if hasattr(value, "tolist"):  # an array
        return f"write {key}={excerpt(repr(value.tolist()), 60)}"
    if isinstance(value, (set, frozenset)):
        return f"write {key}={sorted(value, key=str)!r}"
    if isinstance(value, RowWise) or (isinstance(value, type) and issubclass(value, RowWise)):
        return (
            "a run is a process of its own: put the class into a file of ./plugins, as "
            f"`gatekit new gate NAME` writes one, and write {key.rpartition('.')[2]!r}: 'NAME'"
        )
    name = getattr(getattr(value, "spec", None), "name", None)
    name = name or (value if isinstance(value, type) else type(value)).__name__.lower()
    such = {
        "optimizer": repr({"name": name, **_of_optimizer(value)}) if key == "optimizer" else "",
        "swap": "{'forget': 'power_law'}",
        "cell": repr(name.removesuffix("cell")),
    }
    if key == "cell" and isinstance(units := getattr(value, "units", None), int):
        such["cell"] += f", units={units}"
    return f"write {key}={such.get(key, repr('NAME'))}" + (
        ", by the name under which a plugin registers it" if key not in such else ""
    )


def _of_optimizer(value: Any) -> dict[str, Any]:
    """Return a Keras optimizer's learning rate, and the known settings that are not defaults."""
    if isinstance(value, type) or not hasattr(value, "get_config"):
        return {"learning_rate": 0.001}
    given, default = value.get_config(), type(value)().get_config()
    settings = {"learning_rate": given.get("learning_rate", 0.001)}
    settings |= {k: v for k, v in given.items() if v != default.get(k)}
    known = {k: v for k, v in settings.items() if k in GROUP_KEYS["optimizer"] and k != "name"}
    return {
        name: float(f"{each:.6g}") if isinstance(each, float) else each
        for name, each in known.items()
        if each is None or isinstance(each, (bool, int, float, str))
    }
