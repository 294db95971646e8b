"""Runs of other processes, watched until each ends or its heartbeat stops."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from gatekit.runs import durable, process
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import BEAT
from gatekit.runs.state import RunState
from gatekit.study.plan import PlannedRun, SweepPlan

from .contract import RunSource
from .outcome import SweepOutcome
from .progress import Progress

LOOK_EVERY = 1.0
"""Seconds between two checks of the folders."""

ASLEEP = 10.0
"""If two checks are more seconds apart, this process was suspended; silences are timed anew."""


@dataclass
class _WatchedRun:
    run: PlannedRun
    attempt: int
    size: int | None
    since: float


class Others:
    """Runs that other processes hold.

    A run is no longer watched when its process ends, or when it has had no heartbeat for
    `gatekit.runs.process.SILENCE` seconds. A silent process on another machine counts as dead if it
    ever had a heartbeat. A silent process on this machine is suspended and keeps the run.

    Args:
        runs: the runs.
        patient: if False, a run is no longer watched after its first heartbeat.
    """

    def __init__(self, runs: Iterable[PlannedRun] = (), patient: bool = True) -> None:
        self.patient = patient
        self.watched: list[_WatchedRun] = []
        self.looked = time.monotonic()
        for run in runs:
            self.add(run)

    def __bool__(self) -> bool:
        """Whether a run is still watched."""
        return bool(self.watched)

    def __len__(self) -> int:
        return len(self.watched)

    def runs(self) -> list[PlannedRun]:
        """Return the runs that are still watched."""
        return [each.run for each in self.watched]

    def add(self, run: PlannedRun) -> None:
        """Watch one more run."""
        folder = run.folder()
        attempt = folder.state().attempt
        self.watched.append(_WatchedRun(run, attempt, _size(folder), time.monotonic()))

    def ended(self) -> list[tuple[PlannedRun, RunState]]:
        """Return the runs that stopped being watched since the last call, with their states.

        RUNNING means that the process keeps the run. The reason then names the process and the
        remedy; it is None if the process has heartbeats.
        """
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY:
            return []
        if now - self.looked > ASLEEP:
            for each in self.watched:
                each.since = now
        self.looked, watched, ended = now, self.watched, list[tuple[PlannedRun, RunState]]()
        self.watched = []
        for each in watched:
            state = self._look(each, now)
            if state is None:
                self.watched.append(each)
            else:
                ended.append((each.run, state))
        return ended

    def _look(self, each: _WatchedRun, now: float) -> RunState | None:
        folder = each.run.folder()
        state, size = folder.state(), _size(folder)
        if state.name != "RUNNING":
            return state
        if (state.attempt, size) != (each.attempt, each.size):
            each.attempt, each.size, each.since = state.attempt, size, now
            return None if self.patient else state
        if now - each.since < process.SILENCE:
            return None
        host, pid = folder.owner() or ("an unknown machine", 0)
        silent = f"held by process {pid} on {host}, silent for {process.SILENCE:.0f} s"
        again = "then repeat the command."
        if folder.is_near():
            remedy = f"Type kill -CONT {pid} if it is suspended, or kill -9 {pid} to give it up; "
        elif size is not None:
            folder.lost(state.attempt, f"no heartbeat from {host} for {process.SILENCE:.0f} s")
            return folder.state()
        else:
            claim = folder.claim_path(state.attempt)
            remedy = f"If that process is gone, delete {claim}; "
        return RunState("RUNNING", f"{silent}. {remedy}{again}", state.attempt)


def settle(
    others: Others, work: RunSource, outcome: SweepOutcome, progress: Progress, plan: SweepPlan
) -> list[PlannedRun]:
    """Record the outcomes of other processes' runs; return the runs that are free to run here."""
    free = []
    for run, state in others.ended():
        if work.settled(run, state.name):
            outcome.skipped.append((run, state.name))
            progress.skipped(plan.label(run), state.name)
            work.ended(run, state.name)
        elif state.name == "RUNNING" and state.reason is None:
            outcome.skipped.append((run, state.name))
        elif state.name == "RUNNING":
            outcome.held.append((run, state.reason or ""))
            progress.note(f"{'HELD':<9} {plan.label(run)}  {state.reason}")
        elif state.name == "FAILED":
            outcome.failed.append((run, state.reason or ""))
            progress.skipped(plan.label(run), state.name)
            work.ended(run, state.name)
        else:
            free.append(run)
            reason = f"{state.reason or ''}; continued here"
            progress.note(f"{state.name:<9} {plan.label(run)}  {reason}")
    return free


def waiting(others: Others, plan: SweepPlan) -> str:
    """Return the line to show when only runs of other processes are left."""
    first = others.watched[0].run
    host, pid = first.folder().owner() or ("an unknown machine", 0)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return (
        f"Waiting for {plan.label(first)} (process {pid} on {host}){more}: other processes work on "
        "them. Ctrl-C ends this command only."
    )


def _size(folder: RunFolder) -> int | None:
    """Return the size of the heartbeat file; opening it makes a network file system refresh it."""
    with contextlib.suppress(OSError), durable.opened(folder.path / BEAT) as file:
        return os.fstat(file.fileno()).st_size
    return None
