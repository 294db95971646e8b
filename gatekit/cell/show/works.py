"""The works that a cell cites: read from BibTeX, as short references, entries and plain data."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.cell.schema import ABOUT_KEYS, KEY

# The first of these fields that a work has is its venue, which determines the kind of the entry.
_KINDS = {"journal": "article", "booktitle": "inproceedings", "school": "phdthesis"}
_ORDER = ("title", "year", *_KINDS, "volume", "number", "pages", "doi", "url")
# Identifiers are not escaped: BibTeX styles print them verbatim.
_VERBATIM = ("doi", "url", "eprint")
# Title words that are not used in keys.
_SMALL = {"a", "an", "and", "for", "in", "of", "on", "the", "to", "with"}
_MOST_NAMES = 3
MAX_CHARACTERS = 2 * 1024 * 1024
"""The most characters of all strings that values name."""
# The accents of LaTeX as the combining characters of Unicode.
_ACCENTS = dict(
    zip("`'^\"~=.", "\u0300\u0301\u0302\u0308\u0303\u0304\u0307", strict=True),
    **dict(zip("uvHcrk", "\u0306\u030c\u030b\u0327\u030a\u0328", strict=True)),
)
_ACCENT = re.compile(r"\\(?:([`'^\"~=.])\s*|([uvHcrk])(?:\s+|(?=\{)))\{?\\?([A-Za-z])\}?")
_ESCAPE = re.compile(r"\\textbackslash ?|\\([&%$#_{}])|[{}]")


@dataclass(frozen=True)
class Work:
    """A work, with the fields of its BibTeX entry as they are in the file.

    A work whose key is in no references.bib has no fields.

    Attributes:
        key: the key of the entry, such as ``cho2014learning``.
        kind: the kind of the entry, such as ``article``; empty for an unknown key.
        fields: the values in BibTeX's notation, by name in lower case.
    """

    key: str
    kind: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def year(self) -> int | None:
        """The year of publication, or None if it is unknown."""
        year = self.plain("year")
        return int(year) if re.fullmatch(r"[0-9]{4}", year) else None

    def plain(self, name: str) -> str:
        """Return a field without BibTeX's notation; empty if the work does not have it."""
        value = self.fields.get(name, "")
        if name in _VERBATIM:
            return value
        value = _ACCENT.sub(lambda m: m[3] + _ACCENTS[m[1] or m[2]], value)
        value = _ESCAPE.sub(lambda m: m[1] or ("\\" if m[0][0] == "\\" else ""), value)
        return unicodedata.normalize("NFC", value)

    def arxiv(self) -> str:
        """Return the arXiv number; empty if the work has none."""
        archive = self.fields.get("archiveprefix", "").lower()
        return self.plain("eprint") if archive == "arxiv" else ""

    def reference(self) -> str:
        """Return a short reference, such as ``Cho et al. 2014, arXiv:1406.1078``."""
        if not self.fields:
            return self.key
        who = " ".join(part for part in (self._names(), self.plain("year")) if part)
        return ", ".join(part for part in (who or self.key, self._where()) if part)

    def data(self) -> dict[str, object]:
        """Return the work as plain data: ``key``, ``authors``, ``title``, ``year`` and others."""
        data: dict[str, object] = {"key": self.key}
        names = {"author": "authors"}
        for name in self.fields:
            if name not in ("eprint", "archiveprefix") or not self.arxiv():
                data[names.get(name, name)] = self.plain(name)
        if self.year is not None:
            data["year"] = self.year
        return {**data, "arxiv": self.arxiv()} if self.arxiv() else data

    def entry(self) -> str:
        """Return the BibTeX entry in UTF-8; for an unknown key, a line that BibTeX skips."""
        if not self.fields:
            return f"% {self.key}: no references.bib has this key"
        width = max(map(len, self.fields))
        lines = [f"  {name:<{width}} = {{{value}}}" for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", ",\n".join(lines), "}"])

    def _names(self) -> str:
        people = [person for person in self.plain("author").split(" and ") if person.strip()]
        names = [p.split(",")[0].strip() if "," in p else p.split()[-1] for p in people]
        if len(names) > _MOST_NAMES or "others" in names:
            return f"{names[0]} et al."
        return " & ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)

    def _where(self) -> str:
        if self.arxiv():
            return f"arXiv:{self.arxiv()}"
        if "doi" in self.fields:
            return f"doi:{self.plain('doi')}"
        if "url" in self.fields:
            return self.plain("url")
        venue = next((self.plain(name) for name in _KINDS if name in self.fields), "")
        number = self.plain("volume") or self.plain("number")
        pages = (
            f":{self.plain('pages').replace('--', '-')}" if number and self.plain("pages") else ""
        )
        return f"{venue} {number}{pages}".strip()


NO_WORKS: Mapping[str, Work] = MappingProxyType({})


def bibtex(works: Iterable[Work]) -> str:
    """Return the works as BibTeX entries, in UTF-8."""
    return "\n\n".join(work.entry() for work in works)


def cited(about: Mapping[str, Any], known: Mapping[str, Work]) -> list[Work]:
    """Return the works that a cell cites.

    Args:
        about: a cell's `CellSpec.about` as a mapping; ``cite`` has keys, and may have mappings with
            ``authors``, ``title``, ``year`` and others.
        known: works by key, as in `gatekit.registry.bibliography`.
    """
    entries: Sequence[str | Mapping[str, Any]] = about.get("cite", ())
    return [known.get(e, Work(e)) if isinstance(e, str) else _from_mapping(e) for e in entries]


def provenance(about: Mapping[str, Any], known: Mapping[str, Work]) -> dict[str, Any]:
    """Return the values of `ABOUT_KEYS` for a cell, None for a key without a value.

    A cell without ``reference`` gets short references to the works that it cites; a cell without
    ``year`` gets the year of the first of these. ``cite`` is a list of works as plain data.
    ``starts_from`` maps each cell that this one starts from to short references to its works.

    Args:
        about: a cell's `CellSpec.about` as a mapping.
        known: works by key, as in `gatekit.registry.bibliography`.
    """
    works = cited(about, known)
    starts = {
        name: "; ".join(work.reference() for work in cited({"cite": cites}, known))
        for name, cites in about.get("starts_from", {}).items()
    }
    derived = {
        "starts_from": starts or None,
        "reference": "; ".join(work.reference() for work in works) or None,
        "year": works[0].year if works else None,
        "cite": [work.data() for work in works] or None,
    }
    given = {key: about.get(key) for key in ABOUT_KEYS if key not in ("cite", "starts_from")}
    return {key: derived.get(key) if given.get(key) is None else given[key] for key in ABOUT_KEYS}


def _from_mapping(work: Mapping[str, object]) -> Work:
    kind = next((kind for name, kind in _KINDS.items() if name in work), "misc")
    fields = {"author": _escaped(work["authors"])}
    fields |= {
        f: str(work[f]) if f in _VERBATIM else _escaped(work[f]) for f in _ORDER if f in work
    }
    # Braces keep the capitals of the title.
    fields["title"] = f"{{{fields['title']}}}"
    if "arxiv" in work:
        fields |= {"eprint": str(work["arxiv"]), "archiveprefix": "arXiv"}
    return Work(_key(work), kind, fields)


def _key(work: Mapping[str, Any]) -> str:
    words = [w for w in re.findall(r"\w+", _ascii(work["title"])) if w not in _SMALL]
    last = "".join(re.findall(r"\w+", _ascii(work["authors"].split(",")[0])))
    return f"{last}{work['year']}{words[0] if words else ''}"


def _ascii(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return folded.encode("ascii", "ignore").decode().lower()


def _escaped(value: object) -> str:
    escaped = str(value).replace("\\", r"\textbackslash ")
    return re.sub(r"([&%$#_{}])", r"\\\1", escaped)


def read_bibtex(text: str, where: str) -> dict[str, Work]:
    """Return the works of a BibTeX file by key.

    Args:
        text: the content of the file.
        where: the file, for messages.

    Raises:
        ConfigError: the text is not BibTeX, or a key is used twice.
    """
    from pybtex.scanner import PybtexSyntaxError

    works: dict[str, Work] = {}
    parser = _parser()(text)
    try:
        for kind, content in parser:
            if kind.lower() in ("preamble", "string"):
                continue
            key, fields = content
            if key is None or not re.fullmatch(KEY, key):
                raise _wrong(where, parser.lineno, f"a key is expected, not {excerpt(repr(key))}")
            if key in works:
                raise _wrong(where, parser.lineno, f"the key {key!r} is used twice")
            works[key] = Work(key, kind.lower(), dict(_fields(fields)))
    except PybtexSyntaxError as error:
        raise _wrong(where, error.lineno, str(error).partition(": ")[2]) from None
    return works


def _wrong(where: str, line: int, message: str) -> ConfigError:
    return ConfigError(f"{where}, line {line}: {message}")


def _fields(fields: list[tuple[str, list[str]]]) -> Iterator[tuple[str, str]]:
    for name, parts in fields:
        value = "".join(c if c.isprintable() else " " for c in "".join(parts))
        yield name.lower(), " ".join(value.split())


@functools.cache
def _parser() -> Any:
    """Return the parser's class; the library is imported only if there is a file to read."""
    from pybtex.database.input.bibtex import LowLevelParser, month_names
    from pybtex.scanner import PybtexSyntaxError
    from pybtex.utils import CaseInsensitiveDict

    class Parser(LowLevelParser):  # type: ignore[misc]
        """A parser whose strings do not grow without bound."""

        def __init__(self, text: str) -> None:
            super().__init__(text, macros=CaseInsensitiveDict(month_names))
            self.characters = 0

        def substitute_macro(self, name: str) -> str:
            value: str = super().substitute_macro(name)
            # A string may consist of strings, so a short file could expand to a very long one.
            self.characters += len(value)
            if self.characters > MAX_CHARACTERS:
                raise PybtexSyntaxError(f"more than {MAX_CHARACTERS:,} characters of strings", self)
            return value

    return Parser
