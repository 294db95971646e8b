"""Runs in Slurm jobs: submitit submits each job, which executes its runs on its node."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import platform
import time
from collections.abc import Sequence
from typing import Any

from gatekit.runs.folder import RunFolder
from gatekit.runs.result import OUTCOMES
from gatekit.study.plan import PlannedRun, SweepPlan

from .contract import Cause, Handle, ListedRuns
from .loop import make, pending
from .outcome import SweepOutcome
from .process import Main, Processes
from .slurm_queue import at_once, not_queued, note, submitting

STOP_WITHIN = 60.0
"""Seconds that the runs of a job have to stop before the job is queued again."""

LOOK_EVERY = {"slurm": 2.0, "local": 0.5}
SETTLE = {"slurm": 15.0, "local": 0.0}
"""Seconds after a job's end until its node's last writes are certainly visible on a shared disk."""


class JobBody:
    """The function that a job calls: it executes the runs of its plan on its node.

    Args:
        plan: the runs.
        cwd: the folder where the command was typed.
        main: the function that the process of a run calls; by default it trains the run.
    """

    def __init__(self, plan: SweepPlan, cwd: str, main: Main = None) -> None:
        self.plan, self.cwd, self.main = plan, cwd, main

    def __call__(self) -> int:
        """Execute the runs; complete runs are skipped, interrupted runs continue."""
        with contextlib.suppress(OSError):
            os.chdir(self.cwd)
        outcome = SweepOutcome()
        work = ListedRuns(pending(self.plan, outcome))
        return make(self.plan, Processes(self.plan, main=self.main), work, outcome).code

    def checkpoint(self) -> Any:
        """Stop the runs, and return the job that continues them when it is queued again."""
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
            # A killed process cannot record its end, and nothing on another node can observe it.
            folder = run.folder()
            if folder.state().name == "LOST" and folder.owner() in ours:
                folder.lost(folder.state().attempt, "killed at the end of its Slurm job")
        # Runs that failed in this job are not repeated when it continues.
        launch = dataclasses.replace(self.plan.launch, retry_failed=False)
        plan = dataclasses.replace(self.plan, launch=launch)
        return DelayedSubmission(JobBody(plan, self.cwd, self.main))


class QueuedJob:
    """A submitted job.

    Args:
        job: the job, as submitit knows it.
        settle: seconds after its end until the last writes of its node are certainly visible.
    """

    def __init__(self, job: Any, settle: float) -> None:
        self.job, self.settle = job, settle
        self.ended: float | None = None
        self.cancelled = False

    def over(self) -> bool:
        """Return whether the job has ended and the last writes of its runs are visible."""
        if self.ended is None and self.job.done():
            self.ended = time.monotonic()
        return self.ended is not None and time.monotonic() - self.ended >= self.settle

    def cancel(self) -> None:
        """Remove the job from the queue, or stop its runs after their batch."""
        if not self.cancelled:
            self.cancelled = True
            self.job.cancel(check=False)

    def summary(self) -> str:
        """Return the job's id, its state, and the file of its output."""
        return f"{self.job.job_id} ended ({self.job.state}; its output: {self.job.paths.stderr})"


class SlurmRun:
    """One run of a Slurm job, which may have other runs, too.

    Args:
        run: the run.
        slot: the slot that the run occupies.
    """

    peak = 0

    def __init__(self, run: PlannedRun, slot: int) -> None:
        self.run, self.slot = run, slot
        self.before = run.folder().state().attempt
        self.job: QueuedJob | None = None
        self.name, self.begun = "PLANNED", False
        self.ended = self.killed = False

    def look(self) -> None:
        """Update the state of the run from its folder and from the queue."""
        if self.ended:
            return
        folder = self.run.folder()
        state = folder.state(quick=True)
        self.name, self.begun = state.name, state.attempt > self.before
        final = state.name in OUTCOMES or (state.name == "FAILED" and self.begun)
        # A live run on this machine may outlive its job for a moment.
        here = state.name == "RUNNING" and folder.is_near()
        self.ended = final or (self.job is not None and self.job.over() and not here)

    def waiting(self) -> bool:
        """Return whether the job has not claimed the run yet."""
        return not self.begun

    def over(self) -> bool:
        """Return whether the run had ended when its folder and its job were last read."""
        return self.ended or self.killed

    def reason(self) -> str:
        """Return how the job of the run ended."""
        return f"its job {self.job.summary() if self.job else ''} and left it {self.name}"

    def cause(self) -> Cause:
        """Return what ended the run; it may also have caused the end of its job.

        If it could not start, the next job may get a node where it can.
        """
        return Cause.OUTSIDE if self.ended and not self.killed else Cause.RUN

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether the run's job made the latest claim; False once the run was killed."""
        return not self.killed and folder.state().attempt > before

    def terminate(self) -> None:
        """Cancel the job, which also ends its other runs."""
        if self.job is None:
            self.killed = True
        else:
            self.job.cancel()

    def kill(self) -> None:
        """Cancel the job and wait no longer."""
        self.terminate()
        self.killed = True


class Slurm:
    """Slurm jobs: at most ``max_jobs`` in the queue at a time, with ``runs_per_job`` runs each.

    Runs that are started in one step of the loop share a job, which the next `wait` submits.

    Args:
        plan: how the runs are executed.
        executor: submitit's executor.
        main: the function that the process of a run calls; by default it trains the run.
    """

    def __init__(self, plan: SweepPlan, executor: Any, main: Main = None) -> None:
        self.plan, self.executor, self.main = plan, executor, main
        self.options = plan.launch.options
        self.runs: list[SlurmRun] = []
        self.looked = time.monotonic()

    @property
    def slots(self) -> int:
        """Return the number of runs in the queue, plus those that fit into further jobs."""
        self.runs = [run for run in self.runs if not run.over()]
        jobs = {id(run.job) for run in self.runs if run.job is not None}
        filling = sum(run.job is None for run in self.runs)
        room = (self.options.max_jobs - len(jobs)) * self.options.runs_per_job - filling
        return len(self.runs) + max(0, room)

    def start(self, run: PlannedRun, slot: int, bar: bool) -> SlurmRun:
        """Add a run to the next job; a full job is submitted immediately."""
        taken = SlurmRun(run, slot)
        self.runs.append(taken)
        if sum(each.job is None for each in self.runs) == self.options.runs_per_job:
            self._submit()
        return taken

    def wait(self, handles: Sequence[Handle], seconds: float) -> None:
        """Submit the runs that have been started, and check the queue from time to time.

        Raises:
            ConfigError: Slurm refuses the job.
        """
        self._submit()
        time.sleep(seconds)
        if time.monotonic() - self.looked >= LOOK_EVERY[self.options.cluster]:
            for run in self.runs:
                run.look()
            self.looked = time.monotonic()

    def close(self) -> None:
        """Do nothing, because all jobs have ended or were cancelled."""

    def _submit(self) -> None:
        taken = [run for run in self.runs if run.job is None and not run.killed]
        if not taken:
            return
        runs = [each.run for each in taken]
        with submitting():
            job = self.executor.submit(_batch(self.plan, runs, self.main))
        note(self.plan, job, runs)
        submitted = QueuedJob(job, SETTLE[self.options.cluster])
        for each in taken:
            each.job = submitted


def untimed(plan: SweepPlan) -> SweepPlan:
    """Return the plan without its timeout, for the loop that waits: each job applies it itself."""
    options = dataclasses.replace(plan.launch.options, timeout=None)
    return dataclasses.replace(plan, launch=dataclasses.replace(plan.launch, options=options))


def detach(
    plan: SweepPlan,
    executor: Any,
    todo: Sequence[PlannedRun],
    outcome: SweepOutcome,
    main: Main = None,
) -> SweepOutcome:
    """Submit jobs for all runs as Slurm arrays, and return without waiting for them.

    Args:
        plan: how the runs are executed.
        executor: submitit's executor.
        todo: the runs.
        outcome: receives the submitted jobs, and is returned.
        main: the function that the process of a run calls; by default it trains the run.

    Raises:
        ConfigError: Slurm refuses a job.
    """
    left = not_queued(plan, list(todo), outcome)
    size = plan.launch.options.runs_per_job
    chunks = [left[k : k + size] for k in range(0, len(left), size)]
    if not chunks:
        return outcome
    with submitting(), executor.batch():
        jobs = [executor.submit(_batch(plan, chunk, main)) for chunk in chunks]
    for job, chunk in zip(jobs, chunks, strict=True):
        note(plan, job, chunk)
    outcome.jobs = [str(job.job_id) for job in jobs]
    return outcome


def _batch(plan: SweepPlan, runs: Sequence[PlannedRun], main: Main) -> JobBody:
    options = plan.launch.options
    # The job sees only the GPUs that Slurm gave it.
    gpus = 0 if options.gpus == 0 else "auto"
    launch = dataclasses.replace(
        plan.launch,
        options=dataclasses.replace(options, backend="process", gpus=gpus),
        root=plan.launch.root.absolute(),
        n_jobs=at_once(plan),
    )
    placed = tuple(dataclasses.replace(run, path=run.path.absolute()) for run in runs)
    return JobBody(SweepPlan(launch, placed, ()), os.getcwd(), main)
