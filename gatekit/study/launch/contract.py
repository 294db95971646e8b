"""Protocols of the launch loop: the source of its runs, and the backend that executes them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from gatekit.runs.folder import RunFolder
from gatekit.study.plan import PlannedRun


class RunSource(Protocol):
    """A source of runs.

    Attributes:
        total: the number of runs.
    """

    total: int

    def take(self, slot: int) -> PlannedRun | None:
        """Return the next run for a free slot; None if no run can start now."""
        ...

    def more(self) -> bool:
        """Return whether there will be more runs, now or when another run has ended."""
        ...

    def rest(self) -> list[PlannedRun]:
        """Return the runs that were not taken."""
        ...

    def ended(self, run: PlannedRun, state: str) -> None:
        """Record that a run has ended in a state."""
        ...


class ListedRuns:
    """A source whose runs are all known beforehand.

    Args:
        runs: the runs.
        grouped: whether a slot continues with the variant of its latest run, and otherwise prefers
            a variant that no slot has begun; if not, the order is that of the list.
    """

    def __init__(self, runs: Sequence[PlannedRun], grouped: bool = False) -> None:
        self.runs, self.grouped = list(runs), grouped
        self.total = len(self.runs)
        self.latest: dict[int, str] = {}
        self.begun: set[str] = set()

    def take(self, slot: int) -> PlannedRun | None:
        """Return the next run."""
        if not self.runs:
            return None
        if not self.grouped:
            return self.runs.pop(0)
        latest = self.latest.get(slot)
        variants = [run.variant for run in self.runs]
        # Among equals, the first of the list comes first.
        place = min(
            range(len(variants)), key=lambda i: (variants[i] != latest, variants[i] in self.begun)
        )
        run = self.runs.pop(place)
        self.latest[slot] = run.variant
        self.begun.add(run.variant)
        return run

    def more(self) -> bool:
        """Return whether runs are left."""
        return bool(self.runs)

    def rest(self) -> list[PlannedRun]:
        """Return the runs that were not taken."""
        return list(self.runs)

    def ended(self, run: PlannedRun, state: str) -> None:
        """Do nothing."""


class Cause(enum.Enum):
    """What ended a run that recorded no outcome; this decides whether it is tried again."""

    RUN = "the run itself, so another attempt would end as this one did"
    OUTSIDE = "something outside, so another attempt may succeed"
    PARENT = "the end of the process that had started it, so the run is certainly not the cause"
    START = "its process could not even import the modules that every run needs"


class StartError(Exception):
    """A run could not be started, for a reason that has nothing to do with the run."""


class Handle(Protocol):
    """One started run.

    Attributes:
        slot: the slot that the run occupies.
        peak: the largest resident memory that was measured, in bytes; 0 if unknown.
    """

    slot: int
    peak: int

    def waiting(self) -> bool:
        """Return whether the run still waits for a free slot."""
        ...

    def over(self) -> bool:
        """Return whether the run has ended."""
        ...

    def reason(self) -> str:
        """Return why the run ended without recording an outcome."""
        ...

    def cause(self) -> Cause:
        """Return what ended the run, if it recorded no outcome."""
        ...

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether this run made the latest claim of a folder that had ``before`` claims."""
        ...

    def terminate(self) -> None:
        """Ask the run to stop after its batch."""
        ...

    def kill(self) -> None:
        """End the run immediately."""
        ...


class Backend(Protocol):
    """A backend that executes runs in slots.

    Attributes:
        slots: the most runs at a time; a backend may change it between two steps of the loop.
    """

    @property
    def slots(self) -> int: ...

    def start(self, run: PlannedRun, slot: int, bar: bool) -> Handle:
        """Start a run in a free slot; ``bar`` shows Keras' progress bar on the terminal.

        Raises:
            StartError: the run could not be started.
        """
        ...

    def wait(self, handles: Sequence[Handle], seconds: float) -> None:
        """Return when one of the runs has ended, or after these seconds."""
        ...

    def close(self) -> None:
        """Release the resources of the backend."""
        ...
