"""Checks of the plain values in a cell's data, and of the keys that record its source."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, accepted, as_plain, listed, refused
from gatekit.faults import (
    Custom,
    Fault,
    Kind,
    ListOf,
    Mismatch,
    Place,
    Table,
    Text,
    Whole,
    unknown_option,
)

CELL = Place(("cell",))
"""The place of a cell."""
TABLE, TEXT = Table(), Text()
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def named_at(config: object, where: Place) -> Place:
    """Return the place of the name in an entry: the entry itself if it is only a name."""
    return where if isinstance(config, str) else where / "kind"


def check_keys(given: Mapping[Any, object], allowed: Sequence[str], where: Place) -> None:
    """Refuse keys that a mapping cannot have.

    Raises:
        CellError: a key is not allowed.
    """
    for key, value in given.items():
        if key not in allowed:
            raise CellError(unknown_option(where / key, value, allowed))


def refuse_commas(entries: Mapping[Any, object], where: Place) -> None:
    """Refuse ``{h: maximum(a, b)}``, which YAML reads as ``h: maximum(a`` and a key ``b)``.

    ``{reads: x, h_prev}`` is refused, too.

    Raises:
        CellError: a comma within brackets has cut an entry.
    """
    name = text = ""
    bare = any(value is None for value in entries.values())
    if bare and isinstance(entries.get("reads"), str):
        raise refused(where / "reads", "within braces a list is written in brackets")
    for key, value in entries.items():
        if isinstance(value, str) and value.count("(") > value.count(")"):
            name, text = str(key), value
        elif value is None and name:
            text += f", {key}"
            if text.count("(") <= text.count(")"):
                why = "within braces a comma begins another entry; put the value in quotes"
                raise refused(where / name, why)
        else:
            name = ""


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a section of the cell, empty if it is missing. Entries that are null are removed.

    Raises:
        CellError: it is not a mapping, or a name is not an identifier.
    """
    value, where = config.get(key), CELL / key
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise CellError(Fault(Kind.WRONG, where, as_plain(value), "a mapping"))
    refuse_commas(value, where)
    for name, inner in value.items():
        if key in _OWN and isinstance(name, str) and re.fullmatch(r"\w+\.\w+", name):
            raise refused(where / name, f"it is a state that a gate declares; {_OWN[key]}")
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise _no_name(where / name, inner, _LETTERS)
        if key in _NAMED and keyword.iskeyword(name) and inner is not None:
            raise _no_name(where / name, inner, "a Python keyword cannot be a name")
        if key == "roles" and inner is not None:
            accepted(inner, TEXT, where / name)
    # null removes an entry that a cell in `defaults` has.
    return {name: inner for name, inner in value.items() if inner is not None}


_NAMED = ("gates", "equations", "norms", "parameters", "constants", "inputs")
"""The sections whose names equations read."""
_LETTERS = "a name has letters, digits and _, and begins with a letter"
_OWN = {
    "initial": "its initial value is in `states` of the gate's class; to learn the value, write "
    "learned_initial_state: [GATE.STATE]",
    "zoneout": "it has no zoneout: remove the line",
}
"""Why sections have no entries for the states that gates declare, and what to write."""
WEIGHT_KINDS = ("kernel", "recurrent", "bias")
"""Weights of reads without a state, weights of reads with a state, and biases."""


def _no_name(place: Place, value: object, why: str) -> CellError:
    """Return the error for a name that equations cannot read."""
    return CellError(Fault(Kind.REFUSED, place, as_plain(value), why=why))


def text(config: Mapping[str, Any], key: str, default: str) -> str:
    """Return the string under a key of the cell.

    Raises:
        CellError: it is not a string.
    """
    value = config.get(key, default)
    return value if isinstance(value, str) else accepted(value, TEXT, CELL / key)


def name_list(config: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return the names listed under a key of the cell, each once.

    Raises:
        CellError: it is not a list.
    """
    value = config.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        accepted(value, ListOf(TEXT, "a list of names"), CELL / key)
    return tuple(dict.fromkeys(str(v) for v in value))  # type: ignore[attr-defined]


ABOUT_KEYS = ("reference", "year", "doi", "arxiv", "tier", "notes", "cite", "starts_from")
SECOND_HAND, UNVERIFIED = "second hand", "unverified"
"""The tiers of cells whose equations were not read in the paper or in its authors' code."""
KEY = r"[^\s{}(),=#%\"'\\~@]{1,100}"
"""A key of references.bib, as a regular expression."""
WORK_NEEDS = ("authors", "title", "year")
WORK_FIELDS = (
    *(*WORK_NEEDS, "journal", "booktitle", "school"),
    *("volume", "number", "pages", "doi", "arxiv", "url"),
)
# BibTeX styles print these verbatim, as links.
_ADDRESSES = {
    "url": (re.compile(r"https?://[^\s{}\\<>\"'`]+"), "https://example.org/paper"),
    "doi": (re.compile(r"10\.\d{4,9}/[^\s{}\\\"'`]+"), "10.1162/neco.1997.9.8.1735"),
    "arxiv": (re.compile(r"\d{4}\.\d{4,5}(v\d+)?|[a-z.-]+/\d{7}(v\d+)?", re.I), "1406.1078"),
}
_EXAMPLE = (
    '{authors: "Hochreiter, Sepp and Schmidhuber, Jürgen", title: Long short-term memory, '
    "journal: Neural Computation, year: 1997}"
)


def read_about(config: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the keys of `ABOUT_KEYS` that a cell has, with their values; null counts as missing.

    Works are not looked up here, so a cell does not depend on the content of references.bib.

    Raises:
        CellError: a value has the wrong type or form.
    """
    about = [(key, config[key]) for key in ABOUT_KEYS if config.get(key) is not None]
    for key, value in about:
        if key == "cite":
            _check_cite(value, CELL / key)
        elif key == "starts_from":
            for cell, works in accepted(value, TABLE, CELL / key).items():
                if works:
                    _check_cite(works, CELL / key / cell)
        elif key == "year":
            accepted(value, _YEAR, CELL / key)
        elif not isinstance(value, str):
            accepted(value, TEXT, CELL / key)
        elif key == "tier":
            accepted(value, _TIER, CELL / key)
    return tuple(about)


_YEAR = Whole(1900, 2100)


def _tier(value: Any) -> str:
    if value not in (SECOND_HAND, UNVERIFIED):
        raise Mismatch(
            f"{UNVERIFIED} if the equations could not be checked in the paper or in its authors' "
            f"code, {SECOND_HAND} if they are from someone else's code or quotation, which the "
            "notes name; otherwise there is no such key"
        )
    return str(value)


_TIER = Custom(_tier)


def _check_cite(value: object, where: Place) -> None:
    cited = ListOf(Custom(lambda work: work), "a list of keys of references.bib", empty=False)
    accepted(value, cited, where)
    works: Any = value
    for position, entry in enumerate(works):
        if isinstance(entry, Mapping):
            _check_work(entry, where / position)
        elif not isinstance(entry, str) or not re.fullmatch(KEY, entry):
            expected = f"a key of references.bib, such as cho2014learning, or a work: {_EXAMPLE}"
            raise CellError(Fault(Kind.WRONG, where / position, as_plain(entry), expected))


def _check_work(work: Mapping[str, object], where: Place) -> None:
    check_keys(work, WORK_FIELDS, where)
    missing = [field for field in WORK_NEEDS if field not in work]
    if missing:
        raise refused(where, f"{listed(missing)} is missing; a work is {_EXAMPLE}")
    for field, value in work.items():
        if field == "year":
            accepted(value, _YEAR, where / field)
        elif not isinstance(value, str) or not value.isprintable():
            raise CellError(
                Fault(Kind.WRONG, where / field, as_plain(value), "a string of one line")
            )
        elif field in _ADDRESSES and not _ADDRESSES[field][0].fullmatch(value):
            expected = f"an address such as {_ADDRESSES[field][1]}"
            raise CellError(Fault(Kind.WRONG, where / field, value, expected))
