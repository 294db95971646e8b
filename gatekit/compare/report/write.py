"""Write the report, once or repeatedly while a sweep runs."""

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
    """Write the page atomically: a reader finds the old page or the new one.

    Args:
        path: the file.
        sheet: the input of the report.
        reload_seconds: interval at which an open page reloads itself; None means never.

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
            f"{path} cannot be written ({error.strerror}); choose another --to FILE.html"
        ) from None


def watch(
    path: Path,
    study: Path,
    make: Callable[[], Sheet],
    report: Callable[[Sheet], None],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Sheet:
    """Write the page now and whenever a run changes, until Ctrl-C.

    The last page does not reload itself.

    Args:
        path: the file.
        study: the study's folder.
        make: reads the study and compares it.
        report: called with the input of each page that was written.
        seconds: interval of the checks; longer if a check takes more than a fifth of the time.
        sleep: waits; tests replace it.

    Returns:
        The input of the last page.
    """
    seen: object = None
    sheet: Sheet | None = None
    try:
        while True:
            now, begun = _state(study), time.monotonic()
            if now != seen:
                sheet = make()
                write_report(path, sheet, seconds)
                report(sheet)
                seen = now
            # Reading a large study takes long, and the sweep needs the processor.
            sleep(max(seconds, _REST * (time.monotonic() - begun)))
    except KeyboardInterrupt:
        # An open page must stop reloading itself.
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
