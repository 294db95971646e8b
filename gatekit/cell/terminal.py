"""Terminal output with control characters as escapes, so no file can move the cursor."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories that a terminal interprets or hides: controls, bidi marks, surrogates."""

_PADDING = re.compile(r" +\n")
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)


def printable(text: str) -> str:
    """Return a label in one line, with control, format and surrogate characters as escapes."""
    return "".join(_visible(character) for character in text)


def escaped(text: str) -> str:
    """Return a string as `Terminal` shows it; tables need the width of the result."""
    return text.translate(_ESCAPES)


def without_sequences(line: str) -> str:
    """Return a log's line as it finally appears: no escape codes, a progress bar's last state."""
    plain = _SEQUENCE.sub("", line).replace("\b", "")
    return next((part for part in reversed(plain.split("\r")) if part.strip()), "")


class OutputError(OSError):
    """Standard output cannot be written: it is closed, its reader exited, or the disk is full."""


class Terminal:
    """A stream that writes control and format characters as JSON escapes, such as ``\\u001b``.

    Newlines and tabs pass unchanged. Characters that are not in the stream's encoding become
    escapes, too. JSON stays valid, because such characters occur only inside its strings.

    Args:
        stream: where to write.
        passing: other characters that pass, such as the carriage return of a progress bar.
        colours: whether colour codes pass.
        strict: whether a failed write raises an error instead of being ignored.
    """

    def __init__(
        self, stream: TextIO, passing: str = "", colours: bool = False, strict: bool = True
    ) -> None:
        self.stream, self.colours, self.strict = stream, colours, strict
        self.escapes = _Escapes("\n\t" + passing)
        self.failure: OutputError | None = None

    def write(self, text: str) -> int:
        """Write a string with control characters as escapes.

        Raises:
            OutputError: the stream cannot be written.
        """
        parts = _COLOUR.split(text) if self.colours else [text]
        # Every second part is a colour code.
        escaped_text = "".join(
            p if i % 2 else p.translate(self.escapes) for i, p in enumerate(parts)
        )
        self._attempt(self.stream.write, _encodable(escaped_text, self.stream))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write strings one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream.

        Raises:
            OutputError: the stream cannot be written.
        """
        self._attempt(self.stream.flush)

    def finish(self) -> None:
        """Flush the stream, and raise an error that a library such as argparse ignored.

        Raises:
            OutputError: a string could not be written.
        """
        self.flush()
        if self.failure is not None and self.strict:
            raise self.failure

    def _attempt(self, method: Callable[..., object], *arguments: str) -> None:
        try:
            method(*arguments)
        except OSError as error:
            self.failure = OutputError(error.errno, error.strerror)
            if self.strict:
                raise self.failure from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def line_width(stream: TextIO) -> int:
    """Return the width of printed lines: ``COLUMNS``, the width of the terminal, or 80."""
    if stream.isatty():
        return shutil.get_terminal_size().columns
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else 80


class _Raw(Terminal):
    """A stream for strings that are already escaped, and styled by gatekit itself.

    In a pipe or a file, the spaces that fill a table's last column are removed.
    """

    def write(self, text: str) -> int:
        trimmed = text if self.stream.isatty() else _PADDING.sub("\n", text)
        self._attempt(self.stream.write, _encodable(trimmed, self.stream))
        return len(text)


def console(stream: TextIO, **options: Any) -> Console:
    """Return a rich console that applies its own styles but escapes control characters in text.

    Args:
        stream: where to write.
        **options: options of ``rich.console.Console``.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Escaped(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterator[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else escaped(text), style, control)

    if isinstance(stream, Terminal):
        stream = cast(TextIO, _Raw(stream.stream))
    return Escaped(file=stream, **options)


class _Escapes(dict[int, str]):
    """A translation table that adds each character when it first occurs."""

    def __init__(self, passing: str) -> None:
        super().__init__({ord(character): character for character in passing})

    def __missing__(self, code: int) -> str:
        character = chr(code)
        replacement = (
            _escape(character) if unicodedata.category(character) in _HIDDEN else character
        )
        self[code] = replacement
        return replacement


_ESCAPES = _Escapes("\n\t")


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(rf"\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


def _encodable(text: str, stream: TextIO) -> str:
    encoding = getattr(stream, "encoding", None)
    if encoding is None or text.isascii():
        return text
    try:
        text.encode(encoding, getattr(stream, "errors", None) or "strict")
    except UnicodeEncodeError:
        return "".join(c if _encodes(c, encoding) else _escape(c) for c in text)
    return text


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _visible(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN:
        return character.encode("unicode_escape", "surrogatepass").decode()
    return character
