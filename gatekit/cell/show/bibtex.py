"""The subset of BibTeX that references.bib may use, read in one pass without recursion.

Entries are ``@kind{key, field = value, ...}``. A value is ``{...}``, ``"..."``, a number or the
name of an ``@string``, or several of these joined by ``#``. ``@comment`` and ``@preamble`` are
skipped, and so is all text between entries.
"""

from __future__ import annotations

import re

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.cell.schema import KEY

from .works import Work

MAX_DEPTH = 20
MAX_CHARACTERS = 2 * 1024 * 1024
"""The most characters of all values together, with strings expanded."""
_START = re.compile(r"@[ \t]*([A-Za-z]+)\s*\{")
_KEY = re.compile(rf"({KEY})\s*(?:,|(?=\}}))")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)\s*=")
_BARE = re.compile(r"([A-Za-z0-9_.:+-]+)")
_MARK = re.compile(r"\\.|[{}\"]", re.DOTALL)
_SPACE = re.compile(r"\s*")


def parse(text: str, where: str) -> dict[str, Work]:
    """Return the works of a BibTeX file by key.

    Args:
        text: the content of the file.
        where: the file, for messages.

    Raises:
        ConfigError: the text is not BibTeX, or a key is used twice.
    """
    return _Parser(text, where).works()


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self.text, self.where, self.place = text, where, 0
        self.strings: dict[str, str] = {}
        self.characters = 0

    def works(self) -> dict[str, Work]:
        works: dict[str, Work] = {}
        while (start := self.text.find("@", self.place)) >= 0:
            self.place = start
            kind = self.expect(
                _START, "an entry begins with @kind{key, for example @article{cho2014,"
            )
            if kind.lower() in ("comment", "preamble"):
                self.place = self.end_of_braces(self.place) + 1
            elif kind.lower() == "string":
                self.strings |= self.fields()
            else:
                key = self.expect(_KEY, "an entry needs a key, for example @article{cho2014,")
                if key in works:
                    raise self.error(f"the key {key!r} is used twice; remove one entry", start)
                works[key] = Work(key, kind.lower(), self.fields())
        return works

    def fields(self) -> dict[str, str]:
        """Read ``name = value, ...`` and the closing brace; return the values by name."""
        fields: dict[str, str] = {}
        while not self.skip("}"):
            name = self.expect(_FIELD, "a field is name = {value}, and `}` closes the entry")
            fields[name.lower()] = self.value()
            if not self.skip(",") and not self.text.startswith("}", self.place):
                raise self.error(f"`,` or `}}` is expected after the field {name}", self.place)
        return fields

    def value(self) -> str:
        parts = [self.part()]
        while self.skip("#"):
            parts.append(self.part())
        # A string may consist of strings, so a short file could expand to a very long one.
        self.characters += sum(map(len, parts))
        if self.characters > MAX_CHARACTERS:
            raise self.error(
                f"the values have more than {MAX_CHARACTERS:,} characters, with @string expanded",
                self.place,
            )
        value = "".join(c if c.isprintable() else " " for c in "".join(parts))
        return " ".join(value.split())

    def part(self) -> str:
        start = self.place + 1
        if self.skip("{"):
            end = self.end_of_braces(start)
        elif self.text.startswith('"', self.place):
            end = self.end_of_quotes(start)
        else:
            bare = self.expect(_BARE, 'a value is {...}, "..." or a number')
            return self.strings.get(bare.lower(), bare)
        self.move(end + 1)
        return self.text[start:end]

    def end_of_braces(self, start: int) -> int:
        depth = 1
        for mark in _MARK.finditer(self.text, start):
            depth += {"{": 1, "}": -1}.get(mark[0], 0)
            if depth == 0:
                return mark.start()
            if depth > MAX_DEPTH:
                raise self.error(f"braces are nested deeper than {MAX_DEPTH} levels", mark.start())
        raise self.error("the brace is never closed", start)

    def end_of_quotes(self, start: int) -> int:
        depth = 0
        for mark in _MARK.finditer(self.text, start):
            if mark[0] == '"' and depth == 0:
                return mark.start()
            depth += {"{": 1, "}": -1}.get(mark[0], 0)
            if not 0 <= depth <= MAX_DEPTH:
                raise self.error("the braces within the quotes do not match", mark.start())
        raise self.error("the quotes are never closed", start)

    def skip(self, mark: str) -> bool:
        """Skip the mark and the space after it, if the mark is next; return whether it was."""
        follows = self.text.startswith(mark, self.place)
        if follows:
            self.move(self.place + len(mark))
        return follows

    def expect(self, pattern: re.Pattern[str], otherwise: str) -> str:
        """Skip a match of the pattern and the space after it; return its first group."""
        match = pattern.match(self.text, self.place)
        if match is None:
            came = excerpt(repr(self.text[self.place : self.place + 40]))
            raise self.error(f"{otherwise}, not {came}", self.place)
        self.move(match.end())
        return match[1]

    def move(self, place: int) -> None:
        """Continue at the first character at or after an index that is not white space."""
        space = _SPACE.match(self.text, place)
        self.place = place if space is None else space.end()

    def error(self, message: str, place: int) -> ConfigError:
        line = self.text.count("\n", 0, place) + 1
        return ConfigError(f"{self.where}, line {line}: {message}.")
