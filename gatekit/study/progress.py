"""How a sweep tells where it stands: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import statistics
import sys
from typing import TextIO


class Progress:
    """Counts what is done, runs and failed, and estimates the end.

    Args:
        total: the number of runs to make.
        slots: how many are made at once.
        stream: where to write; a live line is used where it is a terminal.
    """

    def __init__(self, total: int, slots: int, stream: TextIO | None = None) -> None:
        self.total, self.slots = total, max(1, slots)
        self.stream = stream or sys.stdout
        self.ended = self.done = self.failed = self.running = 0
        self.seconds: list[float] = []
        self._live = None
        if self.stream.isatty() and total > 1:
            from rich.console import Console
            from rich.live import Live

            self._live = Live("", console=Console(file=self.stream), refresh_per_second=4)
            self._live.start()

    def started(self) -> None:
        """A run has begun."""
        self.running += 1
        self._refresh()

    def finished(self, label: str, state: str, words: str, seconds: float) -> None:
        """A run has ended in a state."""
        self.running -= 1
        self.ended += 1
        self.failed += state == "FAILED"
        if state in ("COMPLETED", "DIVERGED"):
            self.done += 1
            self.seconds.append(seconds)
        said = f"[{self.ended}/{self.total}] {state:<9} {label}  {words}  {duration(seconds)}"
        if self._live is not None:
            self._live.console.print(said, markup=False, highlight=False)
            self._refresh()
        else:
            self.stream.write(f"{said}  | {self.line()}\n")
            self.stream.flush()

    def line(self) -> str:
        """Return the state of the sweep in one line."""
        said = f"{self.done} done, {self.running} running, {self.failed} failed"
        left = self.total - self.ended
        if left and self.seconds:
            said += f", about {duration(statistics.mean(self.seconds) * left / self.slots)} left"
        return said

    def close(self) -> None:
        """Remove the live line."""
        if self._live is not None:
            self._live.stop()

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
