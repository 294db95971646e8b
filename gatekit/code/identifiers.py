"""Identifiers and docstrings of generated files; no string in a cell can become code."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap

from gatekit.cell.terminal import printable

WIDTH = 88
"""The length of the longest line, black's default."""
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ACRONYM = re.compile(r"(lstm|gru|rnn|esn|lmu|lru|brc|sru)")
_SHAPE = re.compile(r"\(batch x [^()]*\)")
_NO_BREAK = "\N{NO-BREAK SPACE}"
_SHORT = 4
_QUOTES = 6
_LONGEST = 32
TAKEN = frozenset({"F", "I", "O", "l", "_", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)})


def slug(text: str) -> str:
    """Return a string as part of an identifier: ASCII letters, digits and single underscores."""
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower() or "value"


def class_name(text: str) -> str:
    """Return a cell's name as the name of a class, such as ``LayerNormLSTM``."""
    words = [word for word in slug(text).split("_") if word]
    title = "".join(_capital(word, len(words) == 1) for word in words)[: 2 * _LONGEST]
    return title if _IDENTIFIER.fullmatch(title) and title not in TAKEN else f"Cell{title}"


def _capital(word: str, alone: bool) -> str:
    if len(word) < _SHORT and (alone or not set(word) & set("aeiou")):
        return word.upper()
    parts = [part for part in _ACRONYM.split(word) if part]
    return "".join(p.upper() if _ACRONYM.fullmatch(p) else p[:1].upper() + p[1:] for p in parts)


class Identifiers:
    """Returns unique identifiers.

    Args:
        reserved: names that the file already uses, such as modules and helper functions.
    """

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = TAKEN | reserved
        self._used = set(self._reserved)

    def new(self, like: str) -> str:
        """Return an identifier that is not in use, as close to the wanted one as possible."""
        candidate = self.like(like)
        self._used.add(candidate)
        return candidate

    def like(self, text: str) -> str:
        """Return what `new` would return, without reserving it."""
        name = slug(text)[:_LONGEST].strip("_") or "value"
        if name[0].isdigit():
            name = f"n{name}"
        if name in self._reserved:
            name = f"{name}_"
        candidate, number = name, 1
        while candidate in self._used:
            number += 1
            candidate = f"{name.rstrip('_')}_{number}"
        assert _IDENTIFIER.fullmatch(candidate), candidate
        return candidate


def number(value: float) -> str:
    """Return a number as code."""
    return repr(value).replace("e+", "e")


def docstring(paragraphs: list[str], indent: str = "") -> list[str]:
    """Return the lines of a docstring.

    Args:
        paragraphs: one or several lines each; lines are wrapped, but never joined.
        indent: the spaces before each line.
    """
    lines: list[str] = []
    for paragraph in paragraphs:
        if lines:
            lines.append("")
        for line in paragraph.split("\n"):
            lead = " " * (len(line) - len(line.lstrip(" ")))
            # A shape is not broken across lines.
            text = _SHAPE.sub(lambda m: m[0].replace(" ", _NO_BREAK), _harmless(line.strip()))
            wrapped = textwrap.wrap(
                text,
                WIDTH - len(indent) - 2 * len(lead) - _QUOTES * (not lines),
                break_long_words=False,
                break_on_hyphens=False,
            )
            lines += [lead * (2 if n else 1) + part for n, part in enumerate(wrapped)]
    body = [f"{indent}{line}".rstrip().replace(_NO_BREAK, " ") for line in lines]
    if len(body) == 1 and not body[0].endswith(('"', "\\")):
        return [f'{indent}"""{body[0].strip()}"""']
    return [f'{indent}"""{body[0].strip()}', *body[1:], f'{indent}"""']


def _harmless(text: str) -> str:
    """Return the text as one line that cannot end a docstring and contains no escape."""
    # Only quotes next to each other are escaped: they could become three.
    line = printable(" ".join(text.split())).replace("\\", "\\\\")
    return re.sub(r'""+', lambda m: '\\"' * len(m[0]), line)
