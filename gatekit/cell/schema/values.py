"""Checks of the plain values in a cell's data, and of the keys that record its source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, excerpt, listed, nearest, quoted
from gatekit.cell.language.notation import in_ascii

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


_OTHER_KEYS = {
    **dict.fromkeys(("activation", "constraint", "transform", "function", "range"), "map"),
    **dict.fromkeys(("value", "initial", "initializer", "initialiser", "default"), "init"),
    **dict.fromkeys(("size", "dim", "units", "width", "dims"), "shape"),
    **dict.fromkeys(("learnable", "requires_grad", "frozen", "train", "learned"), "trainable"),
    **dict.fromkeys(("eps", "tolerance"), "epsilon"),
    **dict.fromkeys(("weight", "weights", "input", "matrix"), "kernel"),
}
"""Names that other libraries use for a key; only a key that is allowed is suggested."""


def check_keys(given: Iterable[object], allowed: Sequence[str], where: str) -> None:
    """Refuse keys that a mapping cannot have.

    Raises:
        CellError: a key is not allowed; the message names the nearest.
    """
    for key in given:
        if key not in allowed:
            other = _OTHER_KEYS.get(str(key))
            near = f"; did you mean {other!r}?" if other in allowed else nearest(str(key), allowed)
            if not near and len(allowed) == 1:
                near = f"; did you mean {allowed[0]!r}?"
            raise CellError(
                f"{where}.{key}: no such key{near or '.'} "
                f"Keys: {listed(allowed)}. Write one of them, or remove {key}."
            )


def refuse_commas(entries: Mapping[object, object], where: str) -> None:
    """Refuse ``{h: maximum(a, b)}``, which YAML reads as ``h: maximum(a`` and a key ``b)``.

    Raises:
        CellError: a comma within brackets has cut an entry.
    """
    name, text = "", ""
    for key, value in entries.items():
        if isinstance(value, str) and value.count("(") > value.count(")"):
            name, text = str(key), value
        elif value is None and name:
            text += f", {key}"
            if text.count("(") <= text.count(")"):
                raise CellError(
                    f"{where}.{name}: within braces a comma begins another entry; put the value in "
                    f"quotes: write {name}: {excerpt(repr(text))}"
                )
        else:
            name = ""


def section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a section of the cell, empty if it is missing. Entries that are null are removed.

    Raises:
        CellError: it is not a mapping, or a name is not an identifier.
    """
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        came, remedy = excerpt(repr(value)), _as_mapping(key, value, config)
        raise CellError(f"cell.{key}: a mapping is expected, not {came}; {remedy}")
    refuse_commas(value, f"cell.{key}")
    for name in value:
        if key in _OWN and isinstance(name, str) and re.fullmatch(r"\w+\.\w+", name):
            raise CellError(f"cell.{key}: {name!r} is a state that a gate declares; {_OWN[key]}")
        if not isinstance(name, str) or not _IDENTIFIER.match(name):
            raise CellError(f"cell.{key}: {name!r} is not a name; {_as_name(name)}")
    # null removes an entry that a cell in `defaults` has.
    return {name: inner for name, inner in value.items() if inner is not None}


_OWN = {
    "initial": "its initial value is in `states` of the gate's class; to learn the value, write "
    "learned_initial_state: [GATE.STATE]",
    "zoneout": "it has no zoneout: remove the line",
}
"""Why sections have no entries for the states that gates declare, and what to write."""
_EXAMPLES = {
    "gates": "forget: {kind: sigmoid, reads: [x, h_prev]}",
    "equations": "h: forget * h_prev",
    "parameters": "alpha: {shape: units, init: 0.5}",
    "constants": "beta: 2",
    "zoneout": "h: 0.1",
    "initial": "h: 0",
    "roles": "forget: update",
    "norms": "c_out: c",
    "initializers": "kernel: glorot_uniform",
    "regularizers": "kernel: l2",
    "constraints": "kernel: non_neg",
    "inputs": "context: 8",
}


def _as_name(name: object) -> str:
    """Return what to write in place of a name that equations cannot read."""
    if isinstance(name, bool) or name is None:
        words = "null and ~ as nothing" if name is None else "yes, no, on and off as true or false"
        return f"YAML reads a bare {words}: write another name, such as gate_1"
    plain = re.sub(r"(?:_?\{t\}|\(t\)|\[t\])$", "", str(name)[:100])
    plain = "".join(in_ascii(c) for c in plain)
    plain = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_")
    plain = f"a_{plain}" if plain[:1].isdigit() else plain
    such = plain if _IDENTIFIER.match(plain) else "gate_1"
    return f"letters, digits and _ are allowed, starting with a letter: write {such}"


def _as_mapping(key: str, value: object, config: Mapping[str, object]) -> str:
    """Return how to write a section that should be a mapping."""
    emits = config.get("emits")
    emits = emits if isinstance(emits, str) else "h"
    if key == "norms":
        of = value[0] if isinstance(value, list) and value and isinstance(value[0], str) else emits
        return (
            f"each norm is a separate signal with a name: write norms: {{{of}_out: {of}}}, and "
            f"read {of}_out in place of {of}"
        )
    if key in ("initializers", "regularizers", "constraints") and isinstance(value, str):
        of = "recurrent" if value == "orthogonal" else "kernel"
        return f"it is given by kind of weight: write {key}: {{{of}: {value[:60]}}}"
    if key in ("initial", "zoneout") and isinstance(value, (int, float, str)):
        such = value if isinstance(value, (int, float)) else 0
        return f"it is given for each state: write {key}: {{{emits}: {such}}}"
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        entries = {"gates": "{kind: sigmoid}", "parameters": "{shape: units}", "constants": "0.5"}
        if key in entries:
            each = ", ".join(f"{item}: {entries[key]}" for item in value[:3])
            return f"each has a name and a value: write {key}: {{{excerpt(each)}}}"
    if isinstance(value, str) and "=" in value:
        name, _, right = value.partition("=")
        return f"write `{excerpt(name.strip())}: {excerpt(right.strip())}`, with a colon"
    pair = re.fullmatch(r"\s*(\w+)\s*:?\s*(\S.*)", value) if isinstance(value, str) else None
    if pair and key in ("equations", "constants", "gates"):
        entry = f"{excerpt(pair[1])}: {excerpt(pair[2])}"
        return f"write `{entry}`, with a colon and a space after the name"
    if isinstance(value, list) and all(isinstance(v, Mapping) and "name" in v for v in value):
        first = value[0]["name"] if value else "NAME"
        return f"each begins with its name: write {excerpt(str(first))}: and its keys below it"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return "remove the dashes in front of the names"
    if isinstance(value, list) and value and all(isinstance(v, str) and "=" in v for v in value):
        lines = "; ".join(f"{n.strip()}: {e.strip()}" for n, _, e in map(_parted, value))
        return f"write without dashes, one line each: {excerpt(lines)}"
    return f"write for example {key}: {{{_EXAMPLES.get(key, 'NAME: VALUE')}}}"


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def text(config: Mapping[str, Any], key: str, default: str) -> str:
    """Return the string under a key of the cell.

    Raises:
        CellError: it is not a string.
    """
    value = config.get(key, default)
    if not isinstance(value, str):
        raise CellError(f"cell.{key}: a string is expected, not {quoted(value)}; write {key}: NAME")
    return value


def name_list(config: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return the names listed under a key of the cell, each once.

    Raises:
        CellError: it is not a list.
    """
    value = config.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        emits = config.get("emits")
        such = value if isinstance(value, str) else emits if isinstance(emits, str) else "h"
        raise CellError(
            f"cell.{key}: a list of names is expected, such as [{such}], not {excerpt(repr(value))}"
        )
    return tuple(dict.fromkeys(str(v) for v in value))


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
    "arxiv": (re.compile(r"\d{4}\.\d{4,5}(v\d+)?|[a-z.-]+/\d{7}(v\d+)?", re.I), '"1406.1078"'),
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
            _check_cite(value)
        elif key == "starts_from":
            _check_starts(value)
        elif key == "year":
            _check_year(value, "cell.year")
        elif not isinstance(value, str):
            raise CellError(
                f"cell.{key}: a string is expected, not {quoted(value)}; put it in quotes"
            )
        elif key == "tier" and value not in (SECOND_HAND, UNVERIFIED):
            raise CellError(
                f"cell.tier: {value!r} is not allowed; write `tier: {UNVERIFIED}` if the equations "
                "could not be checked in the paper or in its authors' code, "
                f"`tier: {SECOND_HAND}` if they are from someone else's code or quotation, which "
                "the notes name; otherwise omit the key"
            )
    return tuple(about)


def _check_cite(value: object) -> None:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence) or not value:
        raise CellError(
            "cell.cite: a list of keys of references.bib is expected, such as "
            f"[{value if isinstance(value, str) and value else 'cho2014learning'}], "
            f"not {excerpt(repr(value))}"
        )
    for position, entry in enumerate(value):
        where = f"cell.cite[{position}]"
        if isinstance(entry, Mapping):
            _check_work(entry, where)
        elif not isinstance(entry, str) or not re.fullmatch(KEY, entry):
            raise CellError(
                f"{where}: a key of references.bib is expected, such as cho2014learning, or a work "
                f"such as {_EXAMPLE}, not {excerpt(repr(entry))}"
            )


def _check_starts(value: object) -> None:
    if not isinstance(value, Mapping):
        raise CellError(
            "cell.starts_from: the works of the cells that this one starts from are expected, such "
            f"as {{lstm: [hochreiter1997long]}}, not {excerpt(repr(value))}"
        )
    for works in value.values():
        if works:
            _check_cite(works)


def _check_work(work: Mapping[str, object], where: str) -> None:
    check_keys(work, WORK_FIELDS, where)
    missing = [field for field in WORK_NEEDS if field not in work]
    if missing:
        raise CellError(f"{where}: {listed(missing)} is missing; a work is {_EXAMPLE}")
    for field, value in work.items():
        if field == "year":
            _check_year(value, f"{where}.year")
        elif not isinstance(value, str) or not value.isprintable():
            raise CellError(
                f"{where}.{field}: a string of one line is expected, not {excerpt(repr(value))}; "
                "put it in quotes"
            )
        elif field in _ADDRESSES and not _ADDRESSES[field][0].fullmatch(value):
            raise CellError(
                f"{where}.{field}: {excerpt(repr(value))} is not allowed; write for example "
                f"{field}: {_ADDRESSES[field][1]}"
            )


def _check_year(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1900 <= value <= 2100:
        digits = isinstance(value, str) and value.strip().isdigit()
        such = value.strip() if isinstance(value, str) and digits else "1997"
        raise CellError(f"{where}: a year is expected, not {quoted(value)}; write year: {such}")
