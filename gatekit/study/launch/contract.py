"""What the launch loop asks of others: which run comes next, and where it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatekit.runs.folder import RunFolder
from gatekit.runs.result import OUTCOMES
from gatekit.study.plan import PlannedRun


class RunSource(Protocol):
    """A source of runs.

    Attributes:
        total: how many there will be.
    """

    total: int

    def take(self) -> PlannedRun | None:
        """Return the next run; None if no run can start now."""
        ...

    def more(self) -> bool:
        """Return whether there will be further runs, now or when another run has ended."""
        ...

    def rest(self) -> list[PlannedRun]:
        """Return the runs that were not taken."""
        ...

    def stop_reason(self, run: PlannedRun) -> str | None:
        """Return the reason to stop a run early; None if it is to go on."""
        ...

    def ended(self, run: PlannedRun, state: str) -> None:
        """Note that a run has ended in a state."""
        ...

    def settled(self, run: PlannedRun, state: str) -> bool:
        """Return whether a run that another process left in a state needs no further attempt."""
        ...


class ListedRuns:
    """Runs that are all known."""

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.runs = list(runs)
        self.total = len(self.runs)

    def take(self) -> PlannedRun | None:
        """Return the next run."""
        return self.runs.pop(0) if self.runs else None

    def more(self) -> bool:
        """Return whether runs are left."""
        return bool(self.runs)

    def rest(self) -> list[PlannedRun]:
        """Return the runs that were not taken."""
        return list(self.runs)

    def stop_reason(self, run: PlannedRun) -> str | None:
        """Return None: a listed run is never stopped early."""
        return None

    def ended(self, run: PlannedRun, state: str) -> None:
        """Ignore it."""

    def settled(self, run: PlannedRun, state: str) -> bool:
        """Return whether the run has an outcome."""
        return state in OUTCOMES


class StartError(Exception):
    """A run could not be started, for a reason that is not the run's."""


class Handle(Protocol):
    """One started run.

    Attributes:
        slot: the slot that it occupies.
        peak: the largest resident memory that was seen, in bytes; 0 where it is not known.
    """

    slot: int
    peak: int

    def waiting(self) -> bool:
        """Return whether it still waits for a free slot."""
        ...

    def over(self) -> bool:
        """Return whether it has ended."""
        ...

    def reason(self) -> str:
        """Return why it ended without an outcome of its own."""
        ...

    def lost(self) -> bool:
        """Return whether it was ended from outside, so that another try may succeed."""
        ...

    def blameless(self) -> bool:
        """Return whether it is certain that the run did not cause its end."""
        ...

    def unstarted(self) -> bool:
        """Return whether the process could not even import what a run needs."""
        ...

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether the latest claim of a folder, which had ``before`` claims, is its own."""
        ...

    def terminate(self) -> None:
        """Ask it to stop after its batch."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Backend(Protocol):
    """Slots in which runs are made at once.

    Attributes:
        slots: how many runs there may be at once; a backend may change it from step to step.
    """

    @property
    def slots(self) -> int: ...

    def start(self, run: PlannedRun, slot: int, bar: bool) -> Handle:
        """Start a run in a free slot; ``bar`` shows Keras' progress bar on the terminal.

        Raises:
            StartError: it could not be started.
        """
        ...

    def wait(self, handles: Sequence[Handle], seconds: float) -> None:
        """Return when one has ended, or after these seconds."""
        ...

    def close(self) -> None:
        """Release what was taken."""
        ...
