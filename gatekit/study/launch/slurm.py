"""Runs in Slurm jobs: submitit submits them, each makes some runs as this machine would."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gatekit.runs import durable
from gatekit.runs.result import OUTCOMES
from gatekit.runs.studies import unrecorded
from gatekit.runs.studies.survey import look
from gatekit.study.plan import Plan, Run

from .others import Others, settle, waiting
from .outcome import Outcome, score
from .process import Main, Processes
from .progress import Progress
from .signals import caught
from .submitting import at_once, not_queued, note, submitting
from .work import Listed

STOP_WITHIN = 60.0
"""Seconds that the runs of a job get to stop before it is queued again."""

LOOK_EVERY = {"slurm": 2.0, "local": 0.5}
SETTLE = {"slurm": 15.0, "local": 0.0}
"""Seconds after a job's end until its node's last words are sure to be seen on a shared disk."""


class Batch:
    """What one job does: the runs of its plan, on its node.

    Args:
        plan: the runs.
        cwd: where the command was typed.
        main: what the process of a run does, if not to train it.
    """

    def __init__(self, plan: Plan, cwd: str, main: Main = None) -> None:
        self.plan, self.cwd, self.main = plan, cwd, main

    def __call__(self) -> int:
        """Make the runs; what is complete is skipped, what was interrupted continues."""
        from .loop import make, pending

        with contextlib.suppress(OSError):
            os.chdir(self.cwd)
        outcome = Outcome()
        # What another process holds, the command that submitted this job watches.
        work = Listed(pending(self.plan, outcome)[0])
        return make(self.plan, Processes(self.plan, main=self.main), work, outcome).code

    def checkpoint(self) -> Any:
        """Stop the runs and return what goes on when the job is queued again."""
        from submitit.helpers import DelayedSubmission

        children = multiprocessing.active_children()
        for child in children:
            child.terminate()
        end = time.monotonic() + STOP_WITHIN
        for child in children:
            child.join(max(0.0, end - time.monotonic()))
            child.kill()
            child.join()
        ours = {(platform.node(), child.pid) for child in children}
        for run in self.plan.runs:
            # Killed, it could not say so itself; on another node nobody could tell.
            folder = run.folder()
            if folder.state().name == "LOST" and folder.owner() in ours:
                folder.lost(folder.state().attempt, "killed at the end of its Slurm job")
        # What failed in this turn is not made again in the next.
        launch = dataclasses.replace(self.plan.launch, retry_failed=False)
        plan = dataclasses.replace(self.plan, launch=launch)
        return DelayedSubmission(Batch(plan, self.cwd, self.main))


@dataclass
class _Job:
    job: Any
    runs: list[Run]
    seen: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None


def launch_jobs(
    plan: Plan,
    executor: Any,
    todo: Sequence[Run],
    outcome: Outcome,
    others: Others | None = None,
    main: Main = None,
) -> Outcome:
    """Make runs in Slurm jobs, ``runs_per_job`` in each, ``max_jobs`` in the queue at once.

    Args:
        plan: how.
        executor: what submits them.
        todo: the runs.
        outcome: is completed and returned; the numbers are in the folders.
        others: runs that other processes work on; they are awaited, and made if they become free.
        main: what the process of a run does, if not to train it.

    Raises:
        ConfigError: Slurm refuses a job.
    """
    options = plan.launch.options
    others = others or Others()
    free = _free(plan, others, outcome) if options.detach else []
    left = not_queued(plan, [*todo, *free], outcome)
    size = options.runs_per_job
    chunks = [left[k : k + size] for k in range(0, len(left), size)]
    if options.detach:
        outcome.jobs = _detach(executor, plan, chunks, main)
        return outcome
    return _Watching(plan, executor, chunks, outcome, others, main).run()


def _free(plan: Plan, others: Others, outcome: Outcome) -> list[Run]:
    """Watch until it is known of every run whether its process lives; return those of dead ones."""
    found: list[Run] = []
    progress = Progress(len(others), 1, log=plan.log)
    if others:
        progress.note(waiting(others))
    while others:
        found += settle(others, Listed(()), outcome, progress)
        time.sleep(0.2)
    progress.close()
    return found


def _detach(executor: Any, plan: Plan, chunks: Sequence[list[Run]], main: Main) -> list[str]:
    if not chunks:
        return []
    with submitting(), executor.batch():
        jobs = [executor.submit(_batch(plan, chunk, main)) for chunk in chunks]
    for job, chunk in zip(jobs, chunks, strict=True):
        note(plan, job, chunk)
    return [str(job.job_id) for job in jobs]


class _Watching:
    """Keeps ``max_jobs`` in the queue, and tells what the folders of their runs say."""

    def __init__(
        self,
        plan: Plan,
        executor: Any,
        chunks: list[list[Run]],
        outcome: Outcome,
        others: Others,
        main: Main = None,
    ) -> None:
        self.others, self.waited = others, False
        self.plan, self.executor, self.chunks, self.outcome = plan, executor, chunks, outcome
        self.main = main
        self.options = plan.launch.options
        self.active: list[_Job] = []
        self.tries: dict[str, int] = {}
        slots = self.options.max_jobs * at_once(plan)
        total = sum(map(len, chunks)) + len(others)
        self.progress = Progress(total, slots, log=plan.log)

    def run(self) -> Outcome:
        try:
            with caught() as received:
                while self._more() and not received and not self.outcome.halted:
                    while self.chunks and len(self.active) < self.options.max_jobs:
                        self._submit(self.chunks.pop(0))
                    self._pause(received)
                    for job in list(self.active):
                        self._look(job)
                    free = settle(self.others, Listed(()), self.outcome, self.progress)
                    self.chunks += [[run] for run in free]
                if self.active:
                    self._stop()
                if received:
                    self.outcome.signal = received[0]
        finally:
            self.progress.close()
        self.outcome.left += [run for chunk in self.chunks for run in chunk] + self.others.runs()
        return self.outcome

    def _more(self) -> bool:
        if self.others and not (self.active or self.chunks or self.waited):
            self.waited = True
            self.progress.note(waiting(self.others))
        return bool(self.active or self.chunks or self.others)

    def _pause(self, received: list[int]) -> None:
        end = time.monotonic() + LOOK_EVERY[self.options.cluster]
        while time.monotonic() < end and not received:
            time.sleep(0.1)

    def _submit(self, runs: list[Run]) -> None:
        with submitting():
            job = self.executor.submit(_batch(self.plan, runs, self.main))
        note(self.plan, job, runs)
        self.active.append(_Job(job, runs))
        for _ in runs:
            self.progress.started()

    def _look(self, job: _Job) -> None:
        if job.ended is None and job.job.done():
            job.ended = time.monotonic()
        over = job.ended is not None and (
            time.monotonic() - job.ended >= SETTLE[self.options.cluster]
        )
        for run in job.runs:
            if run.fingerprint in job.seen:
                continue
            name, reason = look(run.path)
            if name in (*OUTCOMES, "FAILED"):
                job.seen.add(run.fingerprint)
                self._ended(run, name, reason, time.monotonic() - job.began)
            elif over and not (name == "RUNNING" and _here(run)):
                job.seen.add(run.fingerprint)
                self._left_open(job, run, name, reason)
        if len(job.seen) == len(job.runs):
            self.active.remove(job)

    def _left_open(self, job: _Job, run: Run, name: str, reason: str | None) -> None:
        tries = self.tries.get(run.fingerprint, 0)
        said = f"its job {job.job.job_id} ended ({job.job.state}) and left it {name}"
        seconds = time.monotonic() - job.began
        if name in ("RUNNING", "LOST"):
            # Slurm says that its process is gone, whatever machine it was on.
            run.folder().lost(run.folder().state().attempt, said)
        if tries < self.options.retries:
            self.tries[run.fingerprint] = tries + 1
            self.progress.again(run.label, "LOST", f"{said}; again", seconds)
            self.chunks.append([run])
        elif name == "INTERRUPTED":
            self._ended(run, name, f"{said}: {reason}", seconds)
        else:
            said += f", {tries + 1} times; its words: {job.job.paths.stderr}"
            try:
                durable.folder(run.path)
                run.folder().status("FAILED", said)
            except OSError as error:
                said = f"{durable.trouble(error, run.path)} ({said})"
                unrecorded.note(self.plan.study, run.folder(), said)
            self._ended(run, "FAILED", said, seconds)

    def _ended(self, run: Run, name: str, reason: str | None, seconds: float) -> None:
        words = score(run.folder()) if name == "COMPLETED" else reason or ""
        self.progress.ended(run.label, name, words, seconds)
        if name == "FAILED":
            self.outcome.failed.append((run, reason or ""))
            if self.options.fail_fast:
                self.outcome.halted = f"fail_fast, and {run.label} failed."
        else:
            self.outcome.ended(run, name)

    def _stop(self) -> None:
        from .loop import GRACE

        for job in self.active:
            job.job.cancel(check=False)
        end = time.monotonic() + GRACE
        while time.monotonic() < end and not all(job.job.done() for job in self.active):
            time.sleep(0.1)
        for job in self.active:
            for run in job.runs:
                if run.fingerprint not in job.seen:
                    name, _ = look(run.path)
                    if name in (*OUTCOMES, "INTERRUPTED"):
                        self.outcome.ended(run, name)
                    else:
                        self.outcome.left.append(run)


def _here(run: Run) -> bool:
    """Return whether the process of a run that goes on is one of this machine, and surely lives."""
    return (run.folder().owner() or ("", 0))[0] == platform.node()


def _batch(plan: Plan, runs: Sequence[Run], main: Main) -> Batch:
    options = plan.launch.options
    # The job sees the GPUs that Slurm gave it, and no others.
    gpus = 0 if options.gpus == 0 else "auto"
    launch = dataclasses.replace(
        plan.launch,
        options=dataclasses.replace(options, backend="process", gpus=gpus),
        root=plan.launch.root.absolute(),
        n_jobs=at_once(plan),
    )
    placed = tuple(dataclasses.replace(run, path=run.path.absolute()) for run in runs)
    return Batch(Plan(launch, placed, ()), os.getcwd(), main)
