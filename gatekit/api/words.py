"""Keys and values of a Python call as the words of a command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, described
from gatekit.faults import Fault, Kind, Place
from gatekit.faults.values import in_hydra
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
            raise ConfigError(f"{described(each)}: words such as 'cell=lstm' are expected")
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
            raise ConfigError("cell is a whole cell; the name of a cell is expected")
        words = []
        for inner, one in value.items():
            whole = key in _NAMED and inner in _NAMES
            words += _typed(key if whole else f"{key}.{inner}", one)
        return words
    if isinstance(value, (list, tuple, range)):
        if not value:
            raise ConfigError(f"{key}={value!r} has no values")
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
        "sweep, or a mapping is expected"
    )
