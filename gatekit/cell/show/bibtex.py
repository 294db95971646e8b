"""The works of a BibTeX file."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.cell.schema import KEY

from .works import Work

MAX_CHARACTERS = 2 * 1024 * 1024
"""The most characters of all strings that values name."""


def parse(text: str, where: str) -> dict[str, Work]:
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
