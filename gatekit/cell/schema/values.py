"""Readers of plain values in a cell: each checks one value and names its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, listed, nearest

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def check_keys(given: Iterable[object], allowed: Sequence[str], where: str) -> None:
    """Refuse keys that a mapping cannot have.

    Raises:
        CellError: a key is not allowed; the nearest is named.
    """
    for key in given:
        if key not in allowed:
            raise CellError(
                f"{where}.{key}: no such key{nearest(str(key), allowed) or '.'} "
                f"Keys: {listed(allowed)}."
            )


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a section of the cell, empty if it is missing. Entries that are null are removed.

    Raises:
        CellError: it is not a mapping, or a name is not an identifier.
    """
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise CellError(f"cell.{key}: a mapping is expected, not {value!r}")
    for name in value:
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise CellError(
                f"cell.{key}: {name!r} is not a name (letters, digits and _, starting with a "
                "letter; YAML reads a bare yes, no, on, off as true or false: quote or rename it)"
            )
    # null removes an entry that a cell in `defaults` has.
    return {name: inner for name, inner in value.items() if inner is not None}


def text(config: Mapping[str, Any], key: str, default: str) -> str:
    """Return a string of the cell.

    Raises:
        CellError: it is not a string.
    """
    value = config.get(key, default)
    if not isinstance(value, str):
        raise CellError(f"cell.{key}: a string is expected, not {value!r}")
    return value


def name_list(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of names of the cell.

    Raises:
        CellError: it is not a list.
    """
    value = config.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise CellError(f"cell.{key}: a list of names is expected, such as [c], not {value!r}")
    return tuple(str(v) for v in value)


def number(value: object, where: str) -> float:
    """Return a finite number.

    Raises:
        CellError: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CellError(f"{where}: a number is expected, not {value!r}")
    if not abs(value) <= 1e300:
        raise CellError(f"{where}: the number is not finite, or beyond 1e300")
    return float(value)


def constant(value: object, where: str) -> int | float:
    """Return a finite number, as an integer if it was written as one: only integers can be sizes.

    Raises:
        CellError: it is not one.
    """
    as_float = number(value, where)
    return int(value) if isinstance(value, int) else as_float


def rate(value: object, where: str) -> float:
    """Return a rate in [0, 1).

    Raises:
        CellError: it is not one.
    """
    found = number(value, where)
    if not 0.0 <= found < 1.0:
        raise CellError(f"{where}: a rate in [0, 1) is expected, not {value!r}")
    return found


def width(value: object, where: str) -> int:
    """Return a width, a whole number from 1.

    Raises:
        CellError: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CellError(f"{where}: a width (a whole number from 1) is expected, not {value!r}")
    return value
