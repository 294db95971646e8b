"""Checks of the plain values in a cell's data, and of the keys that record its source."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, accepted, as_plain, excerpt, listed, refused
from gatekit.cell.language.spelling import in_ascii
from gatekit.faults import (
    Both,
    Custom,
    Fault,
    Fix,
    Kind,
    ListOf,
    Mismatch,
    Place,
    Rename,
    Set,
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
    bare = [str(key) for key, value in entries.items() if value is None]
    if bare and isinstance(reads := entries.get("reads"), str):
        kept = {k: v for k, v in entries.items() if v is not None}
        why = "within braces a list is written in brackets"
        raise refused(where / "reads", why, Set(where, {**kept, "reads": [reads, *bare]}))
    for key, value in entries.items():
        if isinstance(value, str) and value.count("(") > value.count(")"):
            name, text = str(key), value
        elif value is None and name:
            text += f", {key}"
            if text.count("(") <= text.count(")"):
                kept = {k: v for k, v in entries.items() if v is not None}
                why = "within braces a comma begins another entry; put the value in quotes"
                raise refused(where / name, why, Set(where, {**kept, name: text}))
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
        meant = _meant_section(key, value, config)
        fix: Fix = Set(where, meant)
        expected = "a mapping"
        if key == "norms":
            expected += "; each norm is a separate signal, which others read in place of the first"
            shown = next((n for n, of in meant.items() if of == config.get("emits")), "")
            fix = Both((Set(where, meant), Set(CELL / "emits", shown))) if shown else fix
        raise CellError(Fault(Kind.WRONG, where, as_plain(value), expected, fixes=(fix,)))
    refuse_commas(value, where)
    for name, inner in value.items():
        if key in _OWN and isinstance(name, str) and re.fullmatch(r"\w+\.\w+", name):
            raise refused(where / name, f"it is a state that a gate declares; {_OWN[key]}")
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise _no_name(where, name, value, _LETTERS)
        if key in _NAMED and keyword.iskeyword(name) and inner is not None:
            raise _no_name(where, name, value, "a Python keyword cannot be a name")
        if key == "roles" and inner is not None:
            gates = config.get("gates")
            accepted(
                inner, TEXT, where / name, *[*(gates if isinstance(gates, Mapping) else ())][:1]
            )
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
_EXAMPLES: dict[str, Any] = {
    "gates": {"forget": {"kind": "sigmoid", "reads": ["x", "h_prev"]}},
    "equations": {"h": "forget * h_prev"},
    "parameters": {"alpha": {"shape": "units", "init": 0.5}},
    "constants": {"beta": 2},
    "roles": {"forget": "update"},
    "initializers": {"kernel": "glorot_uniform"},
    "inputs": {"context": 8},
}


_KINDS = dict.fromkeys(("candidate", "cell", "g", "n"), "tanh")
"""The kinds of gates by their usual names; the others are a sigmoid."""


def _no_name(where: Place, name: object, entries: Mapping[Any, object], why: str) -> CellError:
    """Return the error for a name that equations cannot read, with one that they can."""
    plain = "".join(c if " " <= c <= "~" else in_ascii(c) for c in str(name)[:100])
    plain = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_")
    plain = f"a_{plain}" if plain[:1].isdigit() else plain
    plain = f"{plain}_" if keyword.iskeyword(plain) else plain
    if isinstance(name, bool) or name is None or not _IDENTIFIER.match(plain):
        words = "null and ~ as nothing" if name is None else "yes, no, on and off as true or false"
        why += "" if isinstance(name, str) else f"; YAML reads a bare {words}"
        plain = "gate_1"
    why += "; rename it wherever it is read, too"
    fix: Fix = Rename(where / name, where / plain)
    if name is None:  # it is no key of a place
        fix = Set(where, {plain if key is None else key: inner for key, inner in entries.items()})
    given = as_plain(entries[name])
    return CellError(Fault(Kind.REFUSED, where / name, given, why=why, fixes=(fix,)))


def _meant_section(key: str, value: object, config: Mapping[str, object]) -> dict[str, Any]:
    """Return a section that should be a mapping as one."""
    emits = config.get("emits") if isinstance(config.get("emits"), str) else "h"
    texts = value if isinstance(value, list) else [value]
    names = (
        texts if all(isinstance(each, str) and _IDENTIFIER.match(each) for each in texts) else []
    )
    if key == "norms":
        return {f"{of}_out": of for of in names if isinstance(value, list)} or {
            f"{emits}_out": emits
        }
    if key == "initializers" and isinstance(value, str):
        return {"recurrent" if value == "orthogonal" else "kernel": value[:60]}
    if key in ("initial", "zoneout"):
        usual = 0 if key == "initial" else 0.1
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return dict.fromkeys(_states(config), value if number else usual)
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
        if all("name" in each for each in value):
            return {e["name"]: {k: v for k, v in e.items() if k != "name"} for e in value}
        return {str(name): inner for each in value for name, inner in each.items()}
    pairs = [re.fullmatch(r"\s*(\w+)\s*[=:\s]\s*(.+)", str(text)[:200]) for text in texts]
    if texts and all(pairs):
        return {pair[1]: pair[2].strip() for pair in pairs if pair}
    if names and key == "gates":
        usual = _EXAMPLES[key]["forget"]
        return {
            str(name): {**usual, "kind": _KINDS.get(str(name), usual["kind"])} for name in names
        }
    if names and key in ("parameters", "constants", "inputs"):
        usual = 1 if key == "inputs" else next(iter(_EXAMPLES[key].values()))
        return dict.fromkeys(names, usual)
    return _EXAMPLES[key]  # type: ignore[no-any-return]


def _states(config: Mapping[str, Any]) -> list[str]:
    """Return the equations of a cell that are read as previous values, and what it emits."""
    equations, emits, written = config.get("equations"), config.get("emits"), str(config)
    named = [*equations] if isinstance(equations, Mapping) else []
    states = [name for name in named if f"{name}_prev" in written or name == emits]
    return states or [emits if isinstance(emits, str) else "h"]


def text(config: Mapping[str, Any], key: str, default: str) -> str:
    """Return the string under a key of the cell.

    Raises:
        CellError: it is not a string.
    """
    value = config.get(key, default)
    return value if isinstance(value, str) else accepted(value, TEXT, CELL / key, "mine")


def name_list(config: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return the names listed under a key of the cell, each once.

    Raises:
        CellError: it is not a list.
    """
    value = config.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        accepted(value, ListOf(TEXT, "a list of names"), CELL / key, _states(config))
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
            for cell, works in accepted(value, TABLE, CELL / key, _STARTS).items():
                if works:
                    _check_cite(works, CELL / key / cell)
        elif key == "year":
            accepted(value, _YEAR, CELL / key, 1997)
        elif not isinstance(value, str):
            accepted(value, TEXT, CELL / key, str(value)[:60] or key)
        elif key == "tier":
            accepted(value, _TIER, CELL / key, UNVERIFIED)
    return tuple(about)


_YEAR = Whole(1900, 2100)
_STARTS = {"lstm": ["hochreiter1997long"]}


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
    accepted(value, cited, where, ["cho2014learning"])
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
            accepted(value, _YEAR, where / field, 1997)
        elif not isinstance(value, str) or not value.isprintable():
            fix = Set(where / field, excerpt(" ".join(str(value).split())))
            expected = "a string of one line"
            raise CellError(
                Fault(Kind.WRONG, where / field, as_plain(value), expected, fixes=(fix,))
            )
        elif field in _ADDRESSES and not _ADDRESSES[field][0].fullmatch(value):
            example = _ADDRESSES[field][1]
            expected = f"an address such as {example}"
            fix = Set(where / field, example, such=True)
            raise CellError(Fault(Kind.WRONG, where / field, value, expected, fixes=(fix,)))
