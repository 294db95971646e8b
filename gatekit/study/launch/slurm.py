"""Runs in Slurm jobs: submitit submits them, each makes some runs as this machine would."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError

from .. import files
from ..folder import OUTCOMES
from ..plan import Plan, Run
from ..survey import look
from .outcome import Outcome, score
from .process import Main, Processes
from .progress import Progress
from .signals import caught
from .work import Listed

WARNING = 120
"""Seconds before its time limit at which Slurm tells a job to stop."""

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
        work = Listed(pending(self.plan, outcome))
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
            if look(run.path)[0] == "LOST" and run.folder().owner() in ours:
                run.folder().status("INTERRUPTED", "LOST: killed at the end of its Slurm job")
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


def executor(plan: Plan) -> Any:
    """Return submitit's executor with the options of a plan; nothing is written yet.

    Raises:
        ConfigError: submitit or Slurm is missing, or an option is not allowed.
    """
    try:
        import submitit
    except ModuleNotFoundError:
        raise ConfigError(
            "hydra.launcher.backend=slurm needs submitit: type pip install 'gatekit[slurm]'."
        ) from None
    launch, options = plan.launch, plan.launch.options
    asked: dict[str, Any] = {
        "name": f"gatekit_{launch.study}",
        "timeout_min": options.minutes,
        "cpus_per_task": launch.threads * _at_once(plan),
        "mem_gb": options.memory_gb,
        "gpus_per_node": _gpus(options.gpus) or None,
        "slurm_partition": options.partition,
        "slurm_account": options.account,
        "slurm_qos": options.qos,
        "slurm_constraint": options.constraint,
        "slurm_signal_delay_s": WARNING,
        "slurm_array_parallelism": options.max_jobs,
        "slurm_setup": list(options.setup) or None,
        "local_setup": list(options.setup) or None,
        "slurm_additional_parameters": dict(options.sbatch) or None,
    }
    try:
        made = submitit.AutoExecutor(
            folder=(plan.study / "slurm").absolute(),
            cluster=options.cluster,
            slurm_max_num_timeout=options.requeues,
            local_max_num_timeout=options.requeues,
        )
        made.update_parameters(**{k: v for k, v in asked.items() if v is not None})
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(
            f"hydra.launcher.backend=slurm: {str(error).splitlines()[0]} Type this on a login node "
            "of the cluster, or hydra.launcher.cluster=local to try the jobs on this machine."
        ) from None
    return made


def launch_jobs(
    plan: Plan, executor: Any, todo: Sequence[Run], outcome: Outcome, main: Main = None
) -> Outcome:
    """Make runs in Slurm jobs, ``runs_per_job`` in each, ``max_jobs`` in the queue at once.

    Args:
        plan: how.
        executor: what submits them.
        todo: the runs.
        outcome: is completed and returned; the numbers are in the folders.
        main: what the process of a run does, if not to train it.

    Raises:
        ConfigError: Slurm refuses a job.
    """
    options = plan.launch.options
    left = _not_queued(plan, list(todo), outcome)
    size = options.runs_per_job
    chunks = [left[k : k + size] for k in range(0, len(left), size)]
    if options.detach:
        outcome.jobs = _detach(executor, plan, chunks, main)
        return outcome
    return _Watching(plan, executor, chunks, outcome, main).run()


def _detach(executor: Any, plan: Plan, chunks: Sequence[list[Run]], main: Main) -> list[str]:
    if not chunks:
        return []
    with _submitting(), executor.batch():
        jobs = [executor.submit(_batch(plan, chunk, main)) for chunk in chunks]
    for job, chunk in zip(jobs, chunks, strict=True):
        _note(plan, job, chunk)
    return [str(job.job_id) for job in jobs]


class _Watching:
    """Keeps ``max_jobs`` in the queue, and tells what the folders of their runs say."""

    def __init__(
        self,
        plan: Plan,
        executor: Any,
        chunks: list[list[Run]],
        outcome: Outcome,
        main: Main = None,
    ) -> None:
        self.plan, self.executor, self.chunks, self.outcome = plan, executor, chunks, outcome
        self.main = main
        self.options = plan.launch.options
        self.active: list[_Job] = []
        self.tries: dict[str, int] = {}
        slots = self.options.max_jobs * _at_once(plan)
        self.progress = Progress(sum(map(len, chunks)), slots, log=plan.log)

    def run(self) -> Outcome:
        try:
            with caught() as received:
                while (self.active or self.chunks) and not received and not self.outcome.halted:
                    while self.chunks and len(self.active) < self.options.max_jobs:
                        self._submit(self.chunks.pop(0))
                    self._pause(received)
                    for job in list(self.active):
                        self._look(job)
                if self.active:
                    self._stop()
                if received:
                    self.outcome.signal = received[0]
        finally:
            self.progress.close()
        self.outcome.left += [run for chunk in self.chunks for run in chunk]
        return self.outcome

    def _pause(self, received: list[int]) -> None:
        end = time.monotonic() + LOOK_EVERY[self.options.cluster]
        while time.monotonic() < end and not received:
            time.sleep(0.1)

    def _submit(self, runs: list[Run]) -> None:
        with _submitting():
            job = self.executor.submit(_batch(self.plan, runs, self.main))
        _note(self.plan, job, runs)
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
            elif over:
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
            run.folder().status("INTERRUPTED", f"LOST: {said}")
        if tries < self.options.retries:
            self.tries[run.fingerprint] = tries + 1
            self.progress.again(run.label, f"{said}; again", seconds)
            self.chunks.append([run])
        elif name == "INTERRUPTED":
            self._ended(run, name, f"{said}: {reason}", seconds)
        else:
            files.folder(run.path)
            said += f", {tries + 1} times; its words: {job.job.paths.stderr}"
            run.folder().status("FAILED", said)
            self._ended(run, "FAILED", said, seconds)

    def _ended(self, run: Run, name: str, reason: str | None, seconds: float) -> None:
        words = score(run.folder()) if name == "COMPLETED" else reason or ""
        self.progress.ended(run.label, name, words, seconds)
        if name == "FAILED":
            self.outcome.failed.append((run, reason or ""))
            if self.options.fail_fast:
                self.outcome.halted = f"fail_fast, and {run.label} failed."
        else:
            self.outcome.made.append((run, name))

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
                        self.outcome.made.append((run, name))
                    else:
                        self.outcome.left.append(run)


@contextlib.contextmanager
def _submitting() -> Any:
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError, OSError) as error:
        said = [line for line in str(error).splitlines() if line.strip()] or [str(error)]
        raise ConfigError(
            f"Slurm refuses the job: {said[-1].strip()} See to hydra.launcher.partition, account, "
            "qos, minutes, memory_gb, gpus and sbatch; more runs_per_job make fewer jobs."
        ) from None


def _gpus(asked: Any) -> int:
    if isinstance(asked, tuple):
        raise ConfigError(
            f"hydra.launcher.gpus=[{','.join(asked)}]: on Slurm, Slurm chooses the GPUs; type how "
            "many a job needs, such as hydra.launcher.gpus=1."
        )
    return 0 if asked == "auto" else int(asked)


def _at_once(plan: Plan) -> int:
    """Return how many runs a job makes at once."""
    options = plan.launch.options
    return plan.launch.jobs or max(1, _gpus(options.gpus) * options.runs_per_gpu)


def _batch(plan: Plan, runs: Sequence[Run], main: Main) -> Batch:
    options = plan.launch.options
    # The job sees the GPUs that Slurm gave it, and no others.
    gpus = 0 if options.gpus == 0 else "auto"
    launch = dataclasses.replace(
        plan.launch,
        options=dataclasses.replace(options, backend="process", gpus=gpus),
        root=plan.launch.root.absolute(),
        n_jobs=_at_once(plan),
    )
    placed = tuple(dataclasses.replace(run, path=run.path.absolute()) for run in runs)
    return Batch(Plan(launch, placed, ()), os.getcwd(), main)


def _note(plan: Plan, job: Any, runs: Sequence[Run]) -> None:
    """Write down which runs a job makes, for the next command."""
    record = {"job": str(job.job_id), "runs": [run.fingerprint for run in runs]}
    files.write(plan.study / "slurm" / f"job-{job.job_id}.json", json.dumps(record) + "\n")


def _not_queued(plan: Plan, todo: list[Run], outcome: Outcome) -> list[Run]:
    """Return the runs that no job of an earlier command will make."""
    if plan.launch.options.cluster != "slurm":
        return todo
    from submitit import SlurmJob

    wanted = {run.fingerprint for run in todo}
    folder = (plan.study / "slurm").absolute()
    makes = {job: runs & wanted for job, runs in _noted(folder).items() if runs & wanted}
    jobs: Mapping[str, Any] = {job: SlurmJob(folder=folder, job_id=job) for job in makes}
    # The first question asks about all of them at once.
    queued = {name for job, runs in makes.items() if not jobs[job].done() for name in runs}
    outcome.skipped += [(run, "RUNNING") for run in todo if run.fingerprint in queued]
    return [run for run in todo if run.fingerprint not in queued]


def _noted(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in folder.glob("job-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            record = json.loads(path.read_text())
            found[str(record["job"])] = set(record["runs"])
    return found
