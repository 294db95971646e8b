"""The progress of a sweep: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from pathlib import Path
from typing import TextIO

from gatekit.cell.errors import excerpt
from gatekit.cell.terminal import console, printable
from gatekit.runs import durable
from gatekit.runs.result import OUTCOMES
from gatekit.study.plan import words_of

from .following import FollowedRun, duration, seconds_left

WIDTH = 80
"""The width in columns of the line about a running run."""

MOST = 8
"""The most running runs that are listed."""

_REASON = 90
"""The most characters of a reason in the line of an ended run; the final report shows them all."""

LIVE, PLAIN = 1.0, 30.0
"""Seconds between two checks of the running runs, on a terminal and elsewhere."""


class Progress:
    """Counts runs that are done, running and failed, and estimates the time left.

    Args:
        total: the number of runs.
        slots: the number of runs at a time.
        stream: where to write; if it is a terminal, live lines are shown.
        log: a file to which every line is also written.
        verb: the word for a run that has an outcome; by default, its state and score are shown.
        every: seconds between two checks of the running runs; by default `LIVE` or `PLAIN`.
    """

    def __init__(
        self,
        total: int,
        slots: int,
        stream: TextIO | None = None,
        log: Path | None = None,
        verb: str | None = None,
        every: float | None = None,
    ) -> None:
        self.total, self.slots = total, max(1, min(slots, total))
        self.stream, self.log, self.verb = stream or sys.stdout, log, verb
        self.over = self.done = self.failed = 0
        self.running: dict[Path, tuple[str, FollowedRun]] = {}
        self.seconds: list[float] = []
        self._live = None
        self._looked = time.monotonic()
        self._shown: list[str] = []
        if self.stream.isatty() and total > 1:
            from rich.live import Live

            self._live = Live("", console=console(self.stream), refresh_per_second=4)
            self._live.start()
        # On a terminal a single run shows Keras' progress bar instead.
        alone = math.inf if self.stream.isatty() and total == 1 else PLAIN
        self.every = every or (alone if self._live is None else LIVE)

    def started(self, label: str, folder: Path) -> None:
        """Record that a run has started; its folder shows its progress."""
        self.running[folder] = (label, FollowedRun(folder))
        self._refresh()

    def look(self) -> None:
        """Show the progress of the running runs, unless it was shown a moment ago."""
        if time.monotonic() - self._looked < self.every:
            return
        self._looked = time.monotonic()
        for _, run in self.running.values():
            run.update()
        if self._live is not None:
            self._refresh()
            return
        lines = self.details()
        if lines != self._shown:
            self._shown = lines
            with contextlib.suppress(OSError):
                self.stream.write("".join(f"{line}\n" for line in [self.line(), *lines]))
                self.stream.flush()

    def ended(self, label: str, state: str, text: str, seconds: float, folder: Path) -> None:
        """Record that a started run has ended in a state."""
        self.running.pop(folder, None)
        if state in OUTCOMES:
            self.seconds.append(seconds)
        self._count(state)
        if self.verb is not None and state in OUTCOMES:
            self._print(f"{self.verb} {label}  {duration(seconds)}")
        else:
            self._print(f"{state:<9} {label}  {excerpt(text, _REASON)}  {duration(seconds)}")

    def skipped(self, label: str, state: str) -> None:
        """Record that another process has executed a run, or works on it."""
        self._count(state)
        self._print(f"{state:<9} {label}  elsewhere")

    def again(self, label: str, state: str, text: str, seconds: float, folder: Path) -> None:
        """Record that a started run is open again: it was lost, or another process took it."""
        self.running.pop(folder, None)
        self._print(f"{state:<9} {label}  {text}  {duration(seconds)}")

    def note(self, text: str) -> None:
        """Print a note about the sweep."""
        self._print(text)

    def line(self) -> str:
        """Return the state of the sweep in one line."""
        line = f"{self.done} done, {len(self.running)} running, {self.failed} failed"
        runs = [run for _, run in self.running.values()]
        waiting = max(0, self.total - self.over - len(runs))
        left = seconds_left(self.seconds, runs, waiting, self.slots)
        return line if left is None else f"{line}, about {duration(left)} left"

    def details(self) -> list[str]:
        """Return a line for each running run, at most `MOST`: epoch, latest score, time left."""
        each = [*self.running.values()]
        lines = []
        for label, run in each[:MOST]:
            text = run.summary()
            lines.append(f"  {_cut(printable(label), WIDTH - len(text) - 4)}  {text}")
        if len(each) > MOST:
            lines.append(f"  and {len(each) - MOST} more; gatekit status shows all")
        return lines

    def close(self) -> None:
        """Remove the live line."""
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()

    def _count(self, state: str) -> None:
        self.over += 1
        self.failed += state == "FAILED"
        self.done += state in OUTCOMES

    def _print(self, text: str) -> None:
        line = f"[{self.over}/{self.total}] {text}"
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
            from rich.text import Text

            lines = [self.line(), *self.details()]
            self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))


def _cut(label: str, width: int) -> str:
    """Return a label cut to a width.

    Its last word, the seed, is kept, and so are its first words: what was typed first, such as the
    cell, usually matters most.
    """
    if len(label) <= width:
        return label
    *words, seed = words_of(label)
    if not words:
        return f"{label[: max(0, width - 3)]}..."
    first = words[0][: max(0, width - len(seed) - 4)]
    while len(words) > 1 and len(" ".join([*words, "...", seed])) > width:
        words.pop()
    kept = " ".join([*words, "..."]) if len(words) > 1 or first == words[0] else f"{first}..."
    return f"{kept} {seed}"
