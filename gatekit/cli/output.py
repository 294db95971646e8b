"""Output of commands: text, JSON, and tables as wide as the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

from gatekit.cell.errors import ConfigError
from gatekit.cell.terminal import OutputError, Terminal, console, escaped, line_width

WIDTH = 100
_LONGEST_WORD = 16
_LEAST = 16
"""The fewest characters to which a list cuts its longest strings."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Send stdout and stderr through `Terminal` until the block ends.

    Strings that a command reads cannot reach the terminal as control sequences. A standard stream
    that was closed when the process started is reopened on the null device; otherwise the next
    file to be opened would get the stream's file descriptor.

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
        # Python prints the traceback after the streams are restored, so the hook escapes it.
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


def print_text(text: str) -> None:
    """Write a string and a newline to stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def write_json(data: object) -> None:
    """Write plain data as indented JSON; raise ValueError for NaN and infinities."""
    print_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def write_table(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], spare: str = ""
) -> None:
    """Write rows as a table that fits the width of the output (`line_width`); long strings wrap.

    Words are not broken, unless they are longer than 16 characters, as paths are. If there is no
    room for this, ``spare`` is left out, or each row becomes a block with a line for each value.

    Args:
        rows: one mapping per row.
        names: the keys to show, in order; the first column never wraps.
        spare: the key that is left out if there is no room for it.
    """
    room = line_width(sys.stdout)
    for shown in [list(names), [name for name in names if name != spare]]:
        columns = [
            [
                escaped(name),
                *("" if (v := row.get(name)) is None else escaped(str(v)) for row in rows),
            ]
            for name in shown
        ]
        for padding, longest in ((1, room), (0, room), (0, _LONGEST_WORD)):
            # Between two columns are the padding of both and a separator, which is a space.
            widths = _widths(columns, room - (2 + padding) * (len(columns) - 1), longest)
            if widths:
                _print_table(columns, widths, padding)
                if shown != list(names):
                    note = f"no room for {spare}: widen the terminal, or type --json"
                    print_text(textwrap.fill(note, room))
                return
    from gatekit.compare.output.columns import table_or_blocks

    print_text("\n".join(table_or_blocks(names, rows, room)))


def write_list(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], cut: str, more: str
) -> None:
    """Write rows as a table with one line each; the strings of one column are cut to fit.

    If there is no room for sixteen characters of it, the rows are written by `write_table`.

    Args:
        rows: one mapping per row.
        names: the keys to show, in order.
        cut: the key whose strings are cut.
        more: what shows the rest, written below the table if a string was cut.
    """
    from rich.cells import cell_len
    from rich.text import Text

    values = [
        [escaped("" if row.get(name) is None else str(row[name])) for row in rows] for name in names
    ]
    widths = [max(map(cell_len, [name, *v])) for name, v in zip(names, values, strict=True)]
    place = list(names).index(cut)
    others = sum(widths) - widths[place] + 2 * (len(names) - 1)
    room = min(widths[place], line_width(sys.stdout) - others)
    if room < min(widths[place], _LEAST):
        write_table(rows, names, spare="origin")
        return
    shortened = []
    for value in values[place]:
        text = Text(value)
        text.truncate(room, overflow="ellipsis")
        shortened.append(text.plain)
    before, values[place], widths[place] = values[place], shortened, room
    _print_table([[n, *v] for n, v in zip(names, values, strict=True)], widths, 0)
    if before != shortened:
        print_text(textwrap.fill(more, line_width(sys.stdout)))


def _print_table(columns: Sequence[Sequence[str]], widths: Sequence[int], padding: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, padding))
    for (title, *_), width in zip(columns, widths, strict=True):
        table.add_column(Text(title), width=width, overflow="fold")
    for row in list(zip(*columns, strict=True))[1:]:
        # Text, not str: rich would read a name in square brackets as a style.
        table.add_row(*map(Text, row))
    shown = console(sys.stdout, highlight=False)
    shown.width = sum(widths) + (2 + padding) * (len(widths) - 1)
    shown.print(table)


def _widths(columns: Sequence[Sequence[str]], room: int, longest: int) -> list[int]:
    """Return the widths of columns that share some room; empty if a word would be broken.

    Args:
        columns: the cells of each column.
        room: the width of all columns together, in characters.
        longest: words with more characters than this may be broken.
    """
    from rich.cells import cell_len

    most = [max(map(cell_len, column)) for column in columns]
    words = [max((cell_len(w) for c in column for w in c.split()), default=0) for column in columns]
    least = [most[0], *(min(word, longest) for word in words[1:])]
    if sum(least) > room:
        return []
    widths = [min(width, room) for width in most]
    while sum(widths) > room:
        widest = max(w for w, few in zip(widths, least, strict=True) if w > few)
        widths[next(i for i, w in enumerate(widths) if w == widest and w > least[i])] -= 1
    return widths


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file, in a new folder if needed, and report its path on stderr.

    Raises:
        ConfigError: the file cannot be written.
    """
    from gatekit.runs import durable

    try:
        durable.target(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another path."
        ) from None
    sys.stderr.write(f"wrote {path}\n")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard what is written to stderr in the block, such as TensorFlow's messages on startup."""
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
