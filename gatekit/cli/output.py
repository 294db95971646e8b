"""What commands write: text, JSON, tables of at most 100 columns."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError

WIDTH = 100


def write(text: str) -> None:
    """Write a text and a line end to stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def write_json(data: Any) -> None:
    """Write plain data as indented JSON; NaN and infinities are refused, as JSON has none."""
    write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


def write_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as a table that fits ``WIDTH`` columns; long texts wrap.

    Args:
        rows: one mapping a row.
        columns: the keys that are shown, in order; the first one never wraps.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, no_wrap=position == 0, overflow="fold")
    for row in rows:
        # Text, not str: a name in square brackets is a name, not a style.
        values = (row.get(column) for column in columns)
        table.add_row(*(Text("" if value is None else str(value)) for value in values))
    console = Console(file=sys.stdout, highlight=False)
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(table)


def write_file(path: Path, content: str) -> None:
    """Write a text file, and say where it lies.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); give another path."
        ) from None
    sys.stderr.write(f"wrote {path}\n")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep away what TensorFlow's libraries write to stderr as they start."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
