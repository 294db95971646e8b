"""What the loop asks of a place where runs are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatekit.runs.folder import RunFolder
from gatekit.study.plan import PlannedRun


class StartError(Exception):
    """A run could not be started, for a reason that is not the run's."""


class Handle(Protocol):
    """One started run.

    Attributes:
        place: the slot that it occupies.
        peak: the largest resident memory that was seen, in bytes; 0 where it is not known.
    """

    place: int
    peak: int

    def waiting(self) -> bool:
        """Return whether it has not begun yet, for want of room."""
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

    def start(self, run: PlannedRun, place: int, bar: bool) -> Handle:
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
