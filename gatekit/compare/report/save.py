"""Write the report to a file."""

from __future__ import annotations

from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.runs import durable

from .context import Sheet
from .page import page


def write_report(path: Path, sheet: Sheet) -> None:
    """Write the page atomically: a reader finds the old page or the new one.

    Raises:
        ConfigError: the file cannot be written.
    """
    written = page(sheet)
    try:
        durable.target(path)
        durable.folder(path.absolute().parent)
        durable.write(path.absolute(), written)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another --to FILE.html"
        ) from None
