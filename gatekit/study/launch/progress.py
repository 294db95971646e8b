"""The progress of a sweep: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import statistics
import sys
from pathlib import Path
from typing import TextIO

from gatekit.cell.terminal import console
from gatekit.runs import durable
from gatekit.runs.result import OUTCOMES


class Progress:
    """Counts what is done, runs and failed, and estimates the end.

    Args:
        total: the number of runs to make.
        slots: how many are made at once.
        stream: where to write; a live line is used where it is a terminal.
        log: a file that gets every line as well.
        verb: what to print for a run that has ended as intended; by default its state and score.
    """

    def __init__(
        self,
        total: int,
        slots: int,
        stream: TextIO | None = None,
        log: Path | None = None,
        verb: str | None = None,
    ) -> None:
        self.total, self.slots = total, max(1, min(slots, total))
        self.stream, self.log, self.verb = stream or sys.stdout, log, verb
        self.over = self.done = self.failed = self.running = 0
        self.seconds: list[float] = []
        self._live = None
        if self.stream.isatty() and total > 1:
            from rich.live import Live

            self._live = Live("", console=console(self.stream), refresh_per_second=4)
            self._live.start()

    def started(self) -> None:
        """A run has begun."""
        self.running += 1
        self._refresh()

    def ended(self, label: str, state: str, words: str, seconds: float) -> None:
        """A run that had begun has ended in a state."""
        self.running -= 1
        if state in OUTCOMES:
            self.seconds.append(seconds)
        self._count(state)
        if self.verb is not None and state in OUTCOMES:
            self._print(f"{self.verb} {label}  {duration(seconds)}")
        else:
            self._print(f"{state:<9} {label}  {words}  {duration(seconds)}")

    def skipped(self, label: str, state: str) -> None:
        """A run was found begun or made by another process."""
        self._count(state)
        self._print(f"{state:<9} {label}  elsewhere")

    def again(self, label: str, state: str, words: str, seconds: float) -> None:
        """A run that had begun is open again: it was lost, or another process makes it."""
        self.running -= 1
        self._print(f"{state:<9} {label}  {words}  {duration(seconds)}")

    def note(self, words: str) -> None:
        """Print a note about the sweep."""
        self._print(words)

    def line(self) -> str:
        """Return the state of the sweep in one line."""
        line = f"{self.done} done, {self.running} running, {self.failed} failed"
        left = self.total - self.over
        if left and self.seconds:
            line += f", about {duration(statistics.mean(self.seconds) * left / self.slots)} left"
        return line

    def close(self) -> None:
        """Remove the live line."""
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()

    def _count(self, state: str) -> None:
        self.over += 1
        self.failed += state == "FAILED"
        self.done += state in OUTCOMES

    def _print(self, words: str) -> None:
        line = f"[{self.over}/{self.total}] {words}"
        # A terminal may close, and a disk may be full: the runs continue anyway.
        with contextlib.suppress(OSError):
            if self._live is not None:
                self._live.console.print(line, markup=False, highlight=False)
                self._refresh()
            else:
                self.stream.write(f"{line}  | {self.line()}\n")
                self.stream.flush()
        if self.log is not None:
            with contextlib.suppress(OSError):
                durable.append(self.log, f"{line}  | {self.line()}")

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(self.line())


def duration(seconds: float) -> str:
    """Return seconds as a short text."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
