"""What a cell says about itself: where it comes from, and whether its equations were read there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, excerpt, listed
from gatekit.cell.show.bibtex import FIELDS, NEEDED

from .values import check_keys

ABOUT_KEYS = ("reference", "year", "doi", "arxiv", "tier", "notes", "cite")
UNVERIFIED = "unverified"
# BibTeX styles print these verbatim, as links.
_ADDRESSES = {
    "url": (re.compile(r"https?://[^\s{}\\<>\"'`]+"), "https://example.org/paper"),
    "doi": (re.compile(r"10\.\d{4,9}/[^\s{}\\\"'`]+"), "10.1162/neco.1997.9.8.1735"),
    "arxiv": (re.compile(r"\d{4}\.\d{4,5}(v\d+)?|[a-z.-]+/\d{7}(v\d+)?", re.I), '"1406.1078"'),
}
_EXAMPLE = (
    '[{authors: "Hochreiter, Sepp and Schmidhuber, Jürgen", title: Long short-term memory, '
    "journal: Neural Computation, year: 1997}]"
)


def read_about(config: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return what a cell says about itself, key by key; a key that is null says nothing.

    Raises:
        CellError: a value is not of the key's kind.
    """
    found = [(key, config[key]) for key in ABOUT_KEYS if config.get(key) is not None]
    for key, value in found:
        if key == "cite":
            _check_works(value)
        elif key == "year":
            _check_year(value, "cell.year")
        elif not isinstance(value, str):
            raise CellError(f"cell.{key}: a text is expected, not {value!r}; put it in quotes")
        elif key == "tier" and value != UNVERIFIED:
            raise CellError(
                f"cell.tier: {value!r} is not allowed; write `tier: {UNVERIFIED}` where the "
                "equations could not be read in the paper or in its authors' code, else nothing"
            )
    return tuple(found)


def _check_works(value: Any) -> None:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence) or not value:
        raise CellError(f"cell.cite: a list of works is expected, such as {_EXAMPLE}")
    for position, work in enumerate(value):
        where = f"cell.cite[{position}]"
        if not isinstance(work, Mapping):
            raise CellError(f"{where}: a work is a mapping, as in {_EXAMPLE}, not {work!r}")
        check_keys(work, FIELDS, where)
        missing = [field for field in NEEDED if field not in work]
        if missing:
            raise CellError(f"{where}: {listed(missing)} is missing; a work is {_EXAMPLE}")
        for field, entry in work.items():
            if field == "year":
                _check_year(entry, f"{where}.year")
            elif not isinstance(entry, str) or not entry.isprintable():
                raise CellError(
                    f"{where}.{field}: a text of one line is expected, not {excerpt(repr(entry))}; "
                    "put it in quotes"
                )
            elif field in _ADDRESSES and not _ADDRESSES[field][0].fullmatch(entry):
                raise CellError(
                    f"{where}.{field}: {excerpt(repr(entry))} is not allowed; write for example "
                    f"{field}: {_ADDRESSES[field][1]}"
                )


def _check_year(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1900 <= value <= 2100:
        raise CellError(f"{where}: a year such as 1997 is expected, not {value!r}")
