"""The progress of a run: its phase or epoch, its latest score, and the estimated time left.

Everything is read from the run's folder, so this works for a run of any process on any machine.
Progress is only displayed: no decision depends on a clock or on the date of a file.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.terminal import printable
from gatekit.runs import durable
from gatekit.runs.config import read as read_config
from gatekit.runs.metrics import MetricLine, Tail
from gatekit.runs.names import CONFIG, METRICS, STATUS

PHASES = {
    "starting": "starting",
    "loading": "loading the data",
    "compiling": "building and compiling",
    "training": "training the first epoch",
}
"""What a run does before its first epoch ends, as it is recorded and in words."""


class FollowedRun:
    """The progress of one run, updated from new lines in its folder.

    Args:
        folder: the run's folder; it need not exist yet.
        config: its configuration, if it was read before.

    Attributes:
        epoch, step: epoch and step of the latest line; 0 before the first line.
        epochs, steps: their numbers in the configuration; None if it does not determine them.
        patience: whether the run may stop before its last epoch.
        task: the name of the task, empty if there is none.
        phase: one of `PHASES`; None if the run does not record it.
        metric: the name of the validation metric, empty before its first value.
        validation: its latest value; None before the first and for NaN.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.tail = Tail(folder / METRICS)
        self._config = config
        self.epochs: int | None = None
        self.steps: int | None = None
        self.patience, self.task = False, ""
        if config is not None:
            self._configure(config)
        self._begin()

    def _begin(self) -> None:
        self.epoch = self.step = 0
        self.phase: str | None = "starting"
        self.metric = ""
        self.validation: float | None = None
        self.seconds = 0.0
        self._first: tuple[float, float] | None = None
        self._seen: float | None = None

    def update(self) -> list[MetricLine]:
        """Read and return the new lines."""
        if self._config is None:
            with contextlib.suppress(OSError, ValueError):
                self._config = read_config(self.folder / CONFIG)
                self._configure(self._config)
        restarts = self.tail.restarts
        lines = self.tail.read()
        if self.tail.restarts != restarts:
            self._begin()
        for line in lines:
            self._take(line)
        self.phase = "training" if self._begun else self._recorded_phase()
        if lines:
            # For lines older than the first read, only the file's date is known.
            ago = time.time() - self._written() if self._seen is None else 0.0
            self._seen = time.monotonic() - max(0.0, ago)
        return lines

    @property
    def _begun(self) -> bool:
        return bool(self.epoch or self.step)

    def _recorded_phase(self) -> str | None:
        status = durable.read_object(self.folder / STATUS)
        if status.get("state") != "RUNNING":
            return "starting"
        phase = status.get("phase")
        return phase if isinstance(phase, str) and phase in PHASES else None

    def _written(self) -> float:
        """Return when the metrics were last written, by the clock of their file system."""
        try:
            return (self.folder / METRICS).stat().st_mtime
        except OSError:
            return time.time()

    def _configure(self, found: Mapping[str, Any]) -> None:
        trainer, task = found.get("trainer"), found.get("task")
        if isinstance(trainer, Mapping):
            self.steps = _count(trainer.get("steps"))
            self.epochs = None if self.steps else _count(trainer.get("epochs"))
            self.patience = bool(trainer.get("patience")) or trainer.get("until") is not None
        if isinstance(task, Mapping) and isinstance(task.get("name"), str):
            self.task = task["name"]

    def _take(self, line: MetricLine) -> None:
        self.epoch, self.step, self.seconds = line.epoch, line.step, line.seconds
        if line.split == "validation" and self.metric in ("", line.metric):
            self.metric, self.validation = line.metric, line.value
        if self._first is None and self.fraction:
            self._first = self.fraction, line.seconds

    @property
    def fraction(self) -> float | None:
        """The part of the run that is done, from 0 to 1; None if its length is unknown."""
        total = self.steps or self.epochs
        if total is None:
            return None
        return min(1.0, max(0.0, (self.step if self.steps else self.epoch) / total))

    def seconds_left(self) -> float | None:
        """Return the estimated seconds to the run's last epoch, None if unknown.

        The time per epoch is the mean of the epochs after the first. Until the second epoch ends,
        the time is unknown: most of the first one may be loading, building and compiling.
        """
        done = self.fraction
        if done == 1.0:
            return 0.0
        if not done or self._first is None or done <= self._first[0]:
            return None
        first, began = self._first
        pace = (self.seconds - began) / (done - first)
        # This machine's clock may differ from that of the machine that wrote the file.
        ago = 0.0 if self._seen is None else time.monotonic() - self._seen
        return max(0.0, pace * (1.0 - done) - min(ago, pace * done / max(1, self.epoch)))

    def facts(self) -> dict[str, Any]:
        """Return the progress as plain data."""
        left = self.seconds_left()
        return {
            "phase": self.phase,
            "epoch": self.epoch,
            "epochs": self.epochs,
            "step": self.step,
            "steps": self.steps,
            "fraction": self.fraction,
            "metric": self.metric or None,
            "validation": self.validation,
            "seconds_left": None if left is None else round(left, 1),
        }

    def summary(self) -> str:
        """Return the progress in one short line."""
        if not self._begun:
            return PHASES.get(self.phase or "", "no epoch yet")
        place = f"epoch {self.epoch}" + (f"/{self.epochs}" if self.epochs else "")
        if self.steps:
            place = f"step {self.step}/{self.steps}"
        score = ""
        if self.metric:
            value = "nan" if self.validation is None else f"{self.validation:.4g}"
            score = f", {printable(self.metric[:20])} {value}"
        left = self.seconds_left()
        bound = "at most" if self.patience else "about"
        return place + score + ("" if left is None else f", {bound} {duration(left)} left")


def seconds_left(
    ended: Sequence[float], running: Sequence[FollowedRun], waiting: int, slots: int
) -> float | None:
    """Return the estimated seconds until the last of some runs ends; None if unknown.

    A run that has not begun is assumed to take the mean time of runs that have ended or begun.

    Args:
        ended: the seconds that each ended run took.
        running: the runs in progress.
        waiting: the number of runs that have not begun.
        slots: the number of runs at a time.
    """
    lefts = [run.seconds_left() for run in running]
    whole = [run.seconds + left for run, left in zip(running, lefts, strict=True) if left]
    totals = [*ended, *whole]
    if not totals or not (running or waiting):
        return None
    mean = sum(totals) / len(totals)
    known = [mean if left is None else left for left in lefts]
    return max([*known, (sum(known) + waiting * mean) / max(1, slots)])


def duration(seconds: float) -> str:
    """Return seconds as a short string with a unit."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _count(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
