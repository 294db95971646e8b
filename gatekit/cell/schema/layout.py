"""Finds wrong indentation, and names that are Python keywords, before a cell is read.

YAML reads an entry that is indented too little as a key of the cell, and an entry that is indented
too much as a part of the entry above.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from gatekit.cell.errors import CellError
from gatekit.cell.gate import Gate

from .limits import CELL_KEYS, SECTIONS

_CELL = ("gates", "equations", "emits", "defaults")
_NAMED = ("gates", "equations", "norms", "parameters", "constants", "inputs")
_ENTRIES = {
    "gates": "its gates",
    "equations": "its equations",
    "parameters": "its parameters",
    "constants": "its constants",
    "initial": "its states",
    "zoneout": "its states",
}


def check_layout(config: Mapping[str, object]) -> None:
    """Refuse entries that belong to another level, and names that are Python keywords.

    Args:
        config: the cell's mapping.

    Raises:
        CellError: an entry is one level too high or too low, or a name is a keyword of Python.
    """
    unknown = [str(key) for key in config if key not in CELL_KEYS]
    for key in unknown:
        _check_wrapper(config, key)
    if unknown:
        _check_empty(config)
    for section in SECTIONS:
        members = config.get(section)
        if isinstance(members, Mapping):
            _check_members(config, section, members)
    for section in _NAMED:
        members = config.get(section)
        for name, value in members.items() if isinstance(members, Mapping) else ():
            if isinstance(name, str) and keyword.iskeyword(name) and value is not None:
                raise CellError(
                    f"cell.{section}.{name}: {name!r} is a Python keyword and cannot be a name; "
                    f"write {name.lower()}_ here and wherever it is read"
                )


def _check_wrapper(config: Mapping[str, object], key: str) -> None:
    """Refuse a file whose keys are all below another key, as in ``cell: {gates: ...}``."""
    value = config.get(key)
    if isinstance(value, Mapping) and any(part in _CELL for part in value):
        raise CellError(
            f"cell.{key}: the file is the cell itself: remove the line `{key}:`, and the "
            "indentation of the lines below it"
        )


def _check_empty(config: Mapping[str, object]) -> None:
    """Refuse a section that is empty because its entries are not indented."""
    section, entries = "", dict[str, list[str]]()
    for key, value in config.items():
        if key in CELL_KEYS:
            section = key if value is None and key in SECTIONS else ""
            if value is None and key in SECTIONS:
                entries[key] = []
        elif section:
            entries[section].append(str(key))
    # A cell in `defaults` sets the order of the keys, so entries may come before their section.
    if not any(entries.values()) and len(entries) == 1:
        entries = {next(iter(entries)): [str(key) for key in config if key not in CELL_KEYS]}
    for section, names in entries.items():
        if names and all(_fits(section, config[name]) for name in names):
            listing = ", ".join(names[:6])
            what = _ENTRIES.get(section, "its entries")
            what = what.removesuffix("s") if len(names) == 1 else what
            raise CellError(
                f"cell.{section}: `{section}:` is empty, and {listing} below it "
                f"{f'looks like one of {what}s' if len(names) == 1 else f'look like {what}'}: "
                f"indent {'it' if len(names) == 1 else 'them'} by two spaces, as in\n"
                f"  {section}:\n    {names[0]}: ..."
            )


def _fits(section: str, value: object) -> bool:
    """Return whether a value can be an entry of a section."""
    if section == "equations":
        return isinstance(value, (str, int, float))
    if section in ("gates", "parameters"):
        return isinstance(value, (str, Mapping)) or value is None
    return True


def _check_members(
    config: Mapping[str, object], section: str, members: Mapping[str, object]
) -> None:
    above = ""
    for key, value in members.items():
        name, place = str(key), f"cell.{section}.{key}"
        if _of_the_cell(config, section, name, value):
            raise CellError(
                f"{place}: `{name}` is a key of the cell, but here it is indented as one of the "
                f"{section}: move `{name}:` to the left margin"
            )
        if section == "gates" and name in ("kind", "activation", *Gate.option_names()):
            if not isinstance(value, Mapping) or name not in ("activation", "kind"):
                below = above or "NAME"
                raise CellError(
                    f"{place}: `{name}` is an option of a gate, but here it is indented as a "
                    f"separate gate: indent it by two spaces more than its gate, as in\n"
                    f"  {below}:\n    {name}: {_shown(value)}"
                )
        elif section == "gates":
            above = name
            _check_nested(place, value)
        if other := _section_of(section, value):
            raise CellError(
                f"{place}: {name} looks like one of the {other}, but is among the {section}: move "
                f"it below `{other}:`"
            )


def _section_of(section: str, value: object) -> str:
    """Return the section that an entry looks like; empty if it is the section that it is in."""
    if isinstance(value, Mapping):
        kind = "kind" in value or "activation" in value
        number = not kind and bool({"shape", "init"} & set(value))
        if kind and section in ("equations", "parameters", "constants"):
            return "gates"
        return "parameters" if number and section in ("gates", "equations", "constants") else ""
    equation = isinstance(value, str) and re.search(r"\w\s*[-+*/]\s*[\w(]", value)
    return "equations" if equation and section == "gates" else ""


def _of_the_cell(config: Mapping[str, object], section: str, name: str, value: object) -> bool:
    """Return whether an entry of a section is a key of the cell that is indented too far."""
    if name in config or name not in (*SECTIONS, *_CELL):
        return False
    if section == "equations":
        return not isinstance(value, (str, int, float)) or name in ("emits", "defaults")
    gate = isinstance(value, Mapping) and ("kind" in value or "activation" in value)
    return section in ("gates", "parameters") and not gate


def _check_nested(place: str, value: object) -> None:
    """Refuse a gate that is indented as an option of the gate above it."""
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        known = key in ("kind", "activation", *Gate.option_names())
        if not known and isinstance(inner, Mapping) and {"kind", "activation"} & set(inner):
            above = place.rpartition(".")[2]
            raise CellError(
                f"{place}.{key}: {key} looks like a gate, but is indented as an option of {above}: "
                f"move it to the left, below the first letter of {above}"
            )


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(str, value[:4])) + "]"
    return str(value)[:40] if isinstance(value, (str, int, float)) else "..."
