"""Write the report, once or repeatedly while a sweep runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.compare.curves import KeptCurves
from gatekit.compare.study import Study, load
from gatekit.runs import durable
from gatekit.runs.names import METRICS, RESULT, RUNS, STATUS
from gatekit.runs.record import KeptRuns

from .context import Builder, Section, Sheet
from .page import page

_REST = 4
_WATCHED = (STATUS, RESULT, METRICS)


def write_report(path: Path, sheet: Sheet) -> None:
    """Write the page atomically: a reader finds the old page or the new one.

    Raises:
        ConfigError: the file cannot be written.
    """
    _write_page(path, page(sheet))


def _write_page(path: Path, written: str) -> None:
    try:
        durable.target(path)
        durable.folder(path.absolute().parent)
        durable.write(path.absolute(), written)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another --to FILE.html"
        ) from None


class Sheets:
    """The input of a report that is written repeatedly; only runs that changed are read again.

    Args:
        name: the study.
        root: the folder that contains the studies.
        make: compares the runs of a study.
    """

    def __init__(self, name: str, root: Path | str, make: Callable[[Study], Sheet]) -> None:
        self.name, self.root, self.make = name, root, make
        self._runs, self._curves = KeptRuns(), KeptCurves()
        self._seen: Study | None = None
        self._sheet: Sheet | None = None

    def __call__(self) -> Sheet:
        """Return the input now; the same object if nothing but curves has changed.

        Raises:
            GatekitError: the study cannot be read or compared.
        """
        study = load(self.name, self.root, self._runs)
        if self._sheet is None or study != self._seen:
            self._seen = study
            self._sheet = replace(self.make(study), read_curves=self._curves.read)
        return self._sheet


def watch(
    path: Path,
    study: Path,
    make: Callable[[], Sheet],
    report: Callable[[Sheet], None],
    seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Sheet:
    """Write the page now and whenever a run changes, until Ctrl-C.

    An unchanged page is not written again. The last page does not reload itself.

    Args:
        path: the file.
        study: the study's folder.
        make: returns the input of the report, such as `Sheets`; for the same object, only the
            curves change.
        report: called with the input of each page that was written.
        seconds: interval of the checks; longer if a check takes more than a fifth of the time.
        sleep: waits; tests replace it.

    Returns:
        The input of the last page.
    """
    seen: object = None
    before = ""
    sheet: Sheet | None = None
    cache: dict[Builder, Section | None] = {}
    try:
        while True:
            now, begun = _state(study), time.monotonic()
            if now != seen:
                last, sheet = sheet, make()
                cache = cache if sheet is last else {}
                written = page(sheet, seconds, cache)
                if written != before:
                    _write_page(path, written)
                    report(sheet)
                seen, before = now, written
            # Reading a large study takes long, and the sweep needs the processor.
            sleep(max(seconds, _REST * (time.monotonic() - begun)))
    except KeyboardInterrupt:
        # An open page must stop reloading itself.
        sheet = sheet or make()
        write_report(path, sheet)
    return sheet


def _state(study: Path) -> frozenset[tuple[str, int, int]]:
    files = []
    for folder in (study / RUNS, *study.glob("imported/*/runs")):
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                for name in _WATCHED:
                    try:
                        info = os.stat(os.path.join(entry.path, name))
                    except OSError:
                        continue
                    files.append((f"{entry.name}/{name}", info.st_mtime_ns, info.st_size))
    return frozenset(files)
