"""Which run comes next: a list that is known beforehand, or a search that learns from results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatekit.runs.result import OUTCOMES
from gatekit.study.plan import PlannedRun


class Work(Protocol):
    """A source of runs.

    Attributes:
        total: how many there will be.
    """

    total: int

    def take(self) -> PlannedRun | None:
        """Return the next run, None where none can be begun now."""
        ...

    def more(self) -> bool:
        """Return whether runs will come, now or when another has ended."""
        ...

    def rest(self) -> list[PlannedRun]:
        """Return the runs that were not taken."""
        ...

    def stop(self, run: PlannedRun) -> str | None:
        """Return why a run that goes on is not worth it, None where it is."""
        ...

    def ended(self, run: PlannedRun, state: str) -> None:
        """Hear that a run has ended in a state."""
        ...

    def settled(self, run: PlannedRun, state: str) -> bool:
        """Return whether a run that another process left in a state needs no other attempt."""
        ...


class Listed:
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

    def stop(self, run: PlannedRun) -> str | None:
        """Return None: a listed run is made to its end."""
        return None

    def ended(self, run: PlannedRun, state: str) -> None:
        """Ignore it."""

    def settled(self, run: PlannedRun, state: str) -> bool:
        """Return whether the run has an outcome."""
        return state in OUTCOMES
