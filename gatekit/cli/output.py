"""Output of commands: text, JSON, and tables as wide as the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

from gatekit.cell.errors import ConfigError
from gatekit.cell.terminal import OutputError, Terminal, console, escaped, line_width

WIDTH = 100


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Send stdout and stderr through `Terminal` until the block ends.

    Strings that a command reads cannot reach the terminal as control sequences. A standard stream
    that was closed when the process started is reopened on the null device; otherwise the next
    file to be opened would get its number.

    Raises:
        OutputError: writing to stdout fails.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    out, err = Terminal(sys.stdout), Terminal(sys.stderr, strict=False)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield
        out.finish()
    except SystemExit:
        out.finish()
        raise
    except Exception:
        # Python shows the traceback after the streams are restored.
        sys.excepthook = _show_traceback
        raise
    finally:
        with contextlib.suppress(OutputError):
            out.flush()
        err.flush()
        for stream in (out, err):
            if stream.failure is not None:
                _discard(stream.stream)
        sys.stdout, sys.stderr = before


def _discard(stream: TextIO) -> None:
    """Discard the rest of a stream, because Python flushes it again at exit and must not fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed() -> None:
    streams = (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
    for number, (name, flags) in enumerate(streams):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, flags), number)
        # A write to stdout fails at the flush, like a write to a closed file.
        mode = "w" if number else "r"
        setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _show_traceback(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    Terminal(sys.stderr, strict=False).write(
        "".join(traceback.format_exception(kind, error, where))
    )


def write(text: str) -> None:
    """Write a string and a newline to stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def write_json(data: object) -> None:
    """Write plain data as indented JSON; raise ValueError for NaN and infinities."""
    write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def write_table(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> None:
    """Write rows as a table that fits the terminal, or ``COLUMNS``, or 80; long strings wrap.

    Args:
        rows: one mapping per row.
        names: the keys to show, in order; the first column never wraps.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, column in enumerate(names):
        table.add_column(Text(escaped(column)), no_wrap=position == 0, overflow="fold")
    for row in rows:
        # Text, not str: rich would read a name in square brackets as a style.
        values = (row.get(column) for column in names)
        table.add_row(*(Text("" if value is None else escaped(str(value))) for value in values))
    shown = console(sys.stdout, highlight=False)
    shown.width = line_width(sys.stdout)
    shown.print(table)


def write_file(path: Path, content: str) -> None:
    """Write a file and report its path on stderr.

    Raises:
        ConfigError: the file cannot be written.
    """
    from gatekit.runs import durable

    try:
        durable.target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another path."
        ) from None
    sys.stderr.write(f"wrote {path}\n")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the messages that TensorFlow's libraries write to stderr on startup."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
