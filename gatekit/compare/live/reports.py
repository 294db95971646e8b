"""The report of a study, written again while a page is open and runs end.

One thread writes all reports, one after the other, so a sweep keeps the processor.
"""

from __future__ import annotations

import secrets
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

from gatekit.cell.errors import GatekitError
from gatekit.cell.terminal import printable
from gatekit.compare.answer import answer
from gatekit.compare.comparison import Comparison, compare
from gatekit.compare.curves import KeptCurves
from gatekit.compare.numbers import number
from gatekit.compare.overview import changed
from gatekit.compare.recipe import arguments
from gatekit.compare.report.context import css, sheet
from gatekit.compare.report.page import page
from gatekit.compare.several import several_tasks
from gatekit.compare.study import Study

REST, LEAST = 10, 30.0
"""After writing a report, wait so many times as long as it took, but at least `LEAST` seconds."""

_ONE = threading.Lock()


class LiveReport:
    """The report of one study.

    Args:
        root: the folder that contains the study.

    Attributes:
        wanted: whether somebody opened the page of the study; otherwise only the answer is kept.
        html: the page; empty before it is written.
        version: a name of this page; empty before it is written.
        looks: the classes of the colour and the dashes of each group, by its label.
    """

    def __init__(self, root: Path) -> None:
        self.wanted = False
        self.html, self.version = b"", ""
        self.looks: dict[str, str] = {}
        self._root, self._curves = root, KeptCurves()
        self._answer: dict[str, object] = {}
        self._error: str | None = None
        self._done: tuple[frozenset[tuple[Path, str]], bool] | None = None
        self._rests = 0.0
        self._thread: threading.Thread | None = None

    def ask(self, study: Study) -> None:
        """Begin to write the report if a run has ended, unless it was written a moment ago."""
        ended = frozenset((run.path, run.state) for run in study.runs if run.state != "RUNNING")
        asked = ended, self.wanted
        busy = self._thread is not None and self._thread.is_alive()
        # The first page of a study does not wait for the time that its answer took.
        rests = time.monotonic() < self._rests and not (self.wanted and not self.html)
        if asked == self._done or busy or rests:
            return
        self._done = asked
        self._thread = threading.Thread(
            target=self._write_report, args=(study, self.wanted), daemon=True
        )
        self._thread.start()

    def facts(self) -> dict[str, object]:
        """Return the answer, the version of the page, and why it cannot be written."""
        return {**self._answer, "report": self.version, "report_error": self._error}

    def wait(self) -> None:
        """Wait until the report is written."""
        if self._thread is not None:
            self._thread.join()

    def _write_report(self, study: Study, wanted: bool) -> None:
        with _ONE:
            began = time.monotonic()
            try:
                comparison = compare(study)
                self._answer = _answer(comparison)
                self.looks = {row.group.label: css(row) for row in comparison.rows}
                if wanted:
                    version = secrets.token_hex(8)
                    typed = arguments(study.name, self._root)
                    known = sheet(comparison, typed, None, ())
                    known = replace(known, read_curves=self._curves.read)
                    self.html = page(known, served=version).encode()
                    self.version = version
                self._error = None
            except GatekitError as error:
                self._error = printable(str(error))
            except Exception as error:
                # Nobody else hears of an error in this thread.
                traceback.print_exc()
                self._error = printable(f"{type(error).__name__}: {error}")
            took = time.monotonic() - began
            self._rests = began + took + max(LEAST, REST * took)


def _answer(comparison: Comparison) -> dict[str, object]:
    """Return the claim, the group that it names with its score, and the last change of a run."""
    claim = answer(comparison, several_tasks(comparison))
    summary = None if claim.row is None else claim.row.summary
    mean = None if summary is None else summary.mean
    measured = "" if summary is None else summary.measured
    return {
        "answer": claim.first,
        "best": "" if claim.row is None else printable(claim.row.group.label),
        "score": "" if mean is None else printable(f"{measured} {number(mean)}"),
        "changed": changed(comparison.study),
    }
