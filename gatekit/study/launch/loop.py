"""The launch loop: start runs, watch them and collect their outcomes, each independently."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gatekit.runs import durable
from gatekit.runs.folder import RunFolder
from gatekit.runs.process import SILENCE
from gatekit.runs.result import OUTCOMES
from gatekit.runs.state import RunState
from gatekit.runs.studies.survey import note_unrecorded
from gatekit.study.plan import PlannedRun, SweepPlan

from .contract import Backend, Cause, Handle, RunSource, StartError
from .outcome import SweepOutcome, score
from .progress import Progress
from .signals import StoppedError, caught

GRACE = 4.0
"""Seconds that a run has to finish its batch and stop before it is killed."""

CLAIMED = "another process claimed it first"
PAUSE_AFTER = 3
"""After so many runs in a row that could not read or write, the disk is assumed to be at fault."""


@dataclass
class _ActiveRun:
    run: PlannedRun
    handle: Handle
    began: float
    attempt: int
    late: str | None = None


def make(
    plan: SweepPlan,
    backend: Backend,
    work: RunSource,
    outcome: SweepOutcome,
    stream: TextIO | None = None,
    log: Path | None = None,
    verb: str | None = None,
) -> SweepOutcome:
    """Execute runs, as many at a time as the backend has slots; the study's folder must exist.

    Args:
        plan: how the runs are executed.
        backend: where the runs are executed.
        work: the runs.
        outcome: receives the outcomes of the runs, and is returned.
        stream: where progress is written; stdout by default.
        log: a file to which every line of progress is also written.
        verb: the word for a run that has an outcome; by default, its state and score are shown.
    """
    progress = Progress(work.total, backend.slots, stream, log, verb)
    return _Launching(plan, backend, work, outcome, progress).run()


def pending(plan: SweepPlan, outcome: SweepOutcome) -> list[PlannedRun]:
    """Return the runs to execute, and record the others."""
    todo = []
    for run in plan.runs:
        folder = run.folder()
        state = folder.state()
        if state.name == "RUNNING" and folder.is_silent():
            folder.lost(state.attempt, f"no heartbeat for {SILENCE:.0f} s")
            state = folder.state()
        if state.name in OUTCOMES or (state.name == "RUNNING" and plan.launch.options.detach):
            outcome.skipped.append((run, state.name))
        elif state.name == "RUNNING":
            outcome.held.append((run, holder(folder)))
        elif state.name == "FAILED" and not plan.launch.retry_failed:
            outcome.failed.append((run, f"failed before: {state.reason}"))
        else:
            todo.append(run)
    return todo


def holder(folder: RunFolder) -> str:
    """Return which process works on a run."""
    owner = folder.owner()
    process = "another process" if owner is None else f"process {owner[1]} on {owner[0]}"
    return f"{process} works on it; repeat the command when it has ended."


class _Launching:
    """One launch from the first run to the last; `step` is called until it returns False."""

    def __init__(
        self,
        plan: SweepPlan,
        backend: Backend,
        work: RunSource,
        outcome: SweepOutcome,
        progress: Progress,
    ) -> None:
        self.plan, self.backend, self.work, self.outcome = plan, backend, work, outcome
        self.options = plan.launch.options
        self.progress = progress
        self.received: list[int] = []
        self.active: list[_ActiveRun] = []
        self.tries: dict[str, int] = {}
        self.troubles = 0
        self.again: list[PlannedRun] = []
        self.start_failures = 0
        self.bar = len(plan.runs) == 1 and sys.stdout.isatty()
        self.stopping_since: float | None = None

    def run(self) -> SweepOutcome:
        try:
            with caught() as self.received:
                while self.step():
                    pass
                # Set after the loop: a signal may arrive, and end the last runs, within one step.
                self.outcome.signal = next(iter(self.received), None)
        finally:
            self.progress.close()
            for running in self.active:
                running.handle.kill()
            self.backend.close()
        self.outcome.left += [*self.again, *self.work.rest()]
        self.outcome.look_again()
        return self.outcome

    def step(self) -> bool:
        """Start runs in free slots, wait a moment, and collect the runs that have ended."""
        if self.received:
            self._stop(now=len(self.received) > 1)
        elif self.outcome.halted is not None:
            self._stop(now=False)
        else:
            self._start()
        self.backend.wait([running.handle for running in self.active], 0.2)
        for running in list(self.active):
            if running.handle.over():
                self.active.remove(running)
                self._collect(running)
            elif not self._asked(running):
                self._watch(running)
        self.progress.look()
        stopping = self.received or self.outcome.halted is not None
        return bool(self.active) or not (stopping or self._nothing_left())

    def _nothing_left(self) -> bool:
        return not self.again and not self.work.more()

    def _start(self) -> None:
        while len(self.active) < self.backend.slots:
            used = {running.handle.slot for running in self.active}
            slot = next(s for s in range(self.backend.slots) if s not in used)
            run = self.again.pop(0) if self.again else self.work.take(slot)
            if run is None:
                return
            folder = run.folder()
            state = folder.state()
            if state.name in OUTCOMES:
                # Another sweep in the same study was faster.
                self.outcome.skipped.append((run, state.name))
                self.progress.skipped(self.plan.label(run), state.name)
                self.work.ended(run, state.name)
                continue
            if state.name == "RUNNING":
                self.outcome.held.append((run, holder(folder)))
                self.progress.skipped(self.plan.label(run), state.name)
                continue
            try:
                handle = self.backend.start(run, slot, self.bar)
            except StoppedError:
                self.again.append(run)
                return
            except StartError as error:
                self._not_started(run, str(error))
                return
            self.active.append(_ActiveRun(run, handle, time.monotonic(), state.attempt))
            self.progress.started(self.plan.label(run), run.path)

    def _not_started(self, run: PlannedRun, reason: str) -> None:
        """Put back a run that could not be started; the cause would affect every run."""
        self.again.insert(0, run)
        self.start_failures += 1
        if self.start_failures > self.options.retries:
            self.outcome.halted = f"no run can be started: {reason}"
        else:
            self.progress.note(f"{reason} Again ({self.start_failures} of {self.options.retries}).")

    def _watch(self, running: _ActiveRun) -> None:
        if running.handle.waiting():
            running.began = time.monotonic()
            return
        limit = self.options.timeout
        if limit is not None and time.monotonic() - running.began > limit:
            running.late = f"timeout: not over after {limit:g} s (hydra.launcher.timeout)"
            running.handle.kill()

    def _stop(self, now: bool) -> None:
        if self.stopping_since is None:
            self.stopping_since = time.monotonic()
            for running in self.active:
                running.handle.terminate()
        if now or time.monotonic() - self.stopping_since > GRACE:
            for running in self.active:
                running.handle.kill()

    # -- runs that have ended -----------------------------------------------------------------

    def _collect(self, running: _ActiveRun) -> None:
        run, folder, handle = running.run, running.run.folder(), running.handle
        seconds = time.monotonic() - running.began
        if handle.peak:
            self.outcome.peaks[run.fingerprint] = handle.peak
        state = folder.state()
        # A launcher that was killed may have left a process that claims the run and then stops.
        left = state.name == "INTERRUPTED" and state.attempt > running.attempt
        left = left and not self._asked(running)
        if (left or state.name == "RUNNING") and not handle.owns(folder, running.attempt):
            if state.name == "RUNNING":
                self._leave(run, seconds)
            else:
                self.progress.again(self.plan.label(run), state.name, CLAIMED, seconds, run.path)
                self.again.append(run)
            return
        if state.attempt == running.attempt and handle.cause() is Cause.START:
            self.progress.again(self.plan.label(run), "LOST", handle.reason(), seconds, run.path)
            self.again.insert(0, run)
            self.outcome.halted = f"no run can be started: {handle.reason()}"
            return
        self.start_failures = 0
        # If the process ended before its claim, the record is that of an earlier attempt.
        told = state.name in ("FAILED", "INTERRUPTED") or folder.noted() == "CORRUPT"
        recorded = state.name in OUTCOMES or (
            (told or bool(state.record)) and state.attempt > running.attempt
        )
        late = running.late is not None and state.name == "INTERRUPTED"
        open_ended = not recorded or state.name == "INTERRUPTED"
        if open_ended and self._tried_again(running, folder, state, seconds):
            return
        if not recorded or late:
            state_name, reason = self._verdict(running)
            try:
                durable.folder(folder.path)
                # Name the attempt that was read: another sweep may have claimed the run since.
                folder.status(state_name, reason, state.attempt)
            except OSError as error:
                if not reason.startswith(durable.TROUBLE):
                    reason = f"{durable.trouble(error, folder.path)} ({reason})"
                note_unrecorded(self.plan.study, folder, reason)
                self._failed(run, reason, seconds)
                return
            state = folder.state()
            if state.name == "RUNNING":
                self._leave(run, seconds)
                return
        if state.name == "FAILED":
            self._failed(run, state.reason or "", seconds)
            return
        if state.name not in (*OUTCOMES, "INTERRUPTED"):
            self._failed(run, state.reason or "", seconds, damaged=state)
            return
        self.troubles = 0
        self.outcome.ended(run, state.name)
        words = score(folder) if state.name == "COMPLETED" else state.reason or ""
        self.progress.ended(self.plan.label(run), state.name, words, seconds, run.path)
        self.work.ended(run, state.name)

    def _leave(self, run: PlannedRun, seconds: float) -> None:
        """Leave a run to the process that has claimed it."""
        self.outcome.held.append((run, holder(run.folder())))
        self.progress.ended(self.plan.label(run), "RUNNING", CLAIMED, seconds, run.path)

    def _asked(self, running: _ActiveRun) -> bool:
        """Return whether a run was asked to stop."""
        return running.late is not None or self.stopping_since is not None

    def _verdict(self, running: _ActiveRun) -> tuple[str, str]:
        if running.late is not None:
            return "FAILED", running.late
        if self.stopping_since is not None:
            return "INTERRUPTED", "stopped by a signal"
        if running.handle.cause() is Cause.PARENT:
            return "INTERRUPTED", f"LOST: {running.handle.reason()}"
        tries = self.tries.get(running.run.fingerprint, 0)
        times = f", {tries + 1} times" if tries else ""
        return "FAILED", running.handle.reason() + times

    def _tried_again(
        self, running: _ActiveRun, folder: RunFolder, state: RunState, seconds: float
    ) -> bool:
        """Put back a run that was ended from outside, at most ``retries`` times.

        Return whether the run was put back.
        """
        tries = self.tries.get(running.run.fingerprint, 0)
        final = running.handle.cause() in (Cause.RUN, Cause.START)
        if self._asked(running) or final or tries >= self.options.retries:
            return False
        self.tries[running.run.fingerprint] = tries + 1
        reason = running.handle.reason()
        with contextlib.suppress(OSError):
            if folder.path.exists() and state.name != "INTERRUPTED":
                folder.lost(state.attempt, reason)
        again = f"{reason}; again ({tries + 1} of {self.options.retries})"
        self.progress.again(self.plan.label(running.run), "LOST", again, seconds, running.run.path)
        self.again.append(running.run)
        return True

    def _failed(
        self, run: PlannedRun, reason: str, seconds: float, damaged: RunState | None = None
    ) -> None:
        name = "FAILED" if damaged is None else damaged.name
        if damaged is None:
            self.outcome.failed.append((run, reason))
        else:
            self.outcome.damaged.append((run, damaged))
        self.progress.ended(self.plan.label(run), name, reason, seconds, run.path)
        self.work.ended(run, name)
        self.troubles = self.troubles + 1 if reason.startswith(durable.TROUBLE) else 0
        if self.options.fail_fast and not self.received:
            self.outcome.halted = f"fail_fast, and {self.plan.label(run)} failed."
        elif self.troubles >= PAUSE_AFTER:
            self.outcome.halted = (
                f"{self.troubles} runs in a row could not read or write; "
                "make room, then repeat the command with retry=failed."
            )
