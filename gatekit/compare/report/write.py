"""Write the report, once or again and again while a sweep runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.runs import durable
from gatekit.runs.names import METRICS, RESULT, RUNS, STATUS

from .context import Sheet
from .page import page

_REST = 4
_WATCHED = (STATUS, RESULT, METRICS)


def write_report(path: Path, sheet: Sheet, reload_seconds: float | None = None) -> None:
    """Write the page as a whole: a reader finds the old one or the new one.

    Args:
        path: the file.
        sheet: what the report is about.
        reload_seconds: how often an open page reads itself again; None for never.

    Raises:
        ConfigError: the file cannot be written.
    """
    written = page(sheet, reload_seconds)
    try:
        durable.target(path)
        durable.folder(path.absolute().parent)
        durable.write(path.absolute(), written)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); give another --to FILE.html"
        ) from None


def watch(
    path: Path,
    study: Path,
    make: Callable[[], Sheet],
    tell: Callable[[Sheet], None],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Sheet:
    """Write the page, and again whenever a run has changed, until Ctrl-C; the last one is final.

    Args:
        path: the file.
        study: the study's folder.
        make: reads the study and compares it.
        tell: is told what was written.
        seconds: how often to look, where that does not take a fifth of the time or more.
        sleep: waits; a test puts another in its place.

    Returns:
        What was written last.
    """
    seen: object = None
    sheet: Sheet | None = None
    try:
        while True:
            now, begun = _state(study), time.monotonic()
            if now != seen:
                sheet = make()
                write_report(path, sheet, seconds)
                tell(sheet)
                seen = now
            # A large study takes long to read; the sweep needs the processor more.
            sleep(max(seconds, _REST * (time.monotonic() - begun)))
    except KeyboardInterrupt:
        # An open page must not go on to read itself again.
        sheet = sheet or make()
        write_report(path, sheet)
    return sheet


def _state(study: Path) -> frozenset[tuple[str, int, int]]:
    found = []
    for folder in (study / RUNS, *study.glob("imported/*/runs")):
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                for name in _WATCHED:
                    try:
                        told = os.stat(os.path.join(entry.path, name))
                    except OSError:
                        continue
                    found.append((f"{entry.name}/{name}", told.st_mtime_ns, told.st_size))
    return frozenset(found)
