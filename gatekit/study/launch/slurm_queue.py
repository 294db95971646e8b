"""The options for submitit, and the jobs of earlier commands that are in the queue."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.runs import durable
from gatekit.runs.names import SLURM, job_name
from gatekit.study.plan import PlannedRun, SweepPlan

from .outcome import SweepOutcome

WARNING = 120
"""How many seconds before its time limit Slurm signals a job to stop, at most."""


def submitit_executor(plan: SweepPlan) -> Any:
    """Return submitit's executor with the options of a plan; nothing is written yet.

    Raises:
        ConfigError: submitit or Slurm is missing, or an option is not allowed.
    """
    try:
        import submitit
    except ModuleNotFoundError:
        raise ConfigError(
            "hydra.launcher.backend=slurm needs submitit: type pip install 'submitit>=1.5.3'."
        ) from None
    launch, options = plan.launch, plan.launch.options
    asked: dict[str, Any] = {
        "name": f"gatekit_{launch.study}",
        "timeout_min": options.minutes,
        "cpus_per_task": launch.threads * at_once(plan),
        "mem_gb": options.memory_gb,
        "gpus_per_node": gpus_of(plan) or None,
        "slurm_partition": options.partition,
        "slurm_account": options.account,
        "slurm_qos": options.qos,
        "slurm_constraint": options.constraint,
        "slurm_signal_delay_s": min(WARNING, options.minutes * 30),
        "slurm_array_parallelism": options.max_jobs,
        "slurm_setup": list(options.setup) or None,
        "local_setup": list(options.setup) or None,
        "slurm_additional_parameters": dict(options.sbatch) or None,
    }
    try:
        jobs = submitit.AutoExecutor(
            folder=(plan.study / SLURM).absolute(),
            cluster=options.cluster,
            slurm_max_num_timeout=options.requeues,
            local_max_num_timeout=options.requeues,
        )
        jobs.update_parameters(**{k: v for k, v in asked.items() if v is not None})
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(
            f"hydra.launcher.backend=slurm: {str(error).splitlines()[0]} Type this on a login node "
            "of the cluster, or hydra.launcher.cluster=local to try the jobs on this machine."
        ) from None
    return jobs


@contextlib.contextmanager
def submitting() -> Iterator[None]:
    """Turn errors of submitit and Slurm in the block into `ConfigError`.

    Raises:
        ConfigError: Slurm refuses a job.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError, OSError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [str(error)]
        raise ConfigError(
            f"Slurm refuses the job: {lines[-1].strip()} Check hydra.launcher.partition, account, "
            "qos, minutes, memory_gb, gpus and sbatch; a larger runs_per_job needs fewer jobs."
        ) from None


def gpus_of(plan: SweepPlan) -> int:
    """Return how many GPUs a job requests.

    Raises:
        ConfigError: they are listed, or one run needs more.
    """
    asked, devices = plan.launch.options.gpus, plan.launch.devices
    if isinstance(asked, tuple):
        raise ConfigError(
            f"hydra.launcher.gpus=[{','.join(asked)}]: on Slurm, Slurm chooses the GPUs; type how "
            "many a job needs, such as hydra.launcher.gpus=1."
        )
    if asked == "auto":
        return devices * (plan.launch.jobs or 1) if devices > 1 else 0
    if 0 < asked < devices:
        raise ConfigError(
            f"devices={devices}: a job has hydra.launcher.gpus={asked}. Type "
            f"hydra.launcher.gpus={devices}, or 0 to compute on {devices} parts of the CPU."
        )
    return int(asked)


def at_once(plan: SweepPlan) -> int:
    """Return how many runs a job executes at a time."""
    options = plan.launch.options
    gpus = gpus_of(plan) // plan.launch.devices
    return plan.launch.jobs or max(1, gpus * options.runs_per_gpu)


def note(plan: SweepPlan, job: Any, runs: Sequence[PlannedRun]) -> None:
    """Record the runs of a job, for the next command."""
    record = {"job": str(job.job_id), "runs": [run.fingerprint for run in runs]}
    durable.write(plan.study / SLURM / job_name(str(job.job_id)), json.dumps(record) + "\n")


def not_queued(plan: SweepPlan, todo: list[PlannedRun], outcome: SweepOutcome) -> list[PlannedRun]:
    """Return the runs that no queued job of an earlier command contains; record the others."""
    if plan.launch.options.cluster != "slurm":
        return todo
    from submitit import SlurmJob

    names = {run.fingerprint for run in todo}
    folder = (plan.study / SLURM).absolute()
    makes = {job: runs & names for job, runs in _noted(folder).items() if runs & names}
    jobs: Mapping[str, Any] = {job: SlurmJob(folder=folder, job_id=job) for job in makes}
    # The first call of done() queries Slurm about all jobs together.
    queued = {name for job, runs in makes.items() if not jobs[job].done() for name in runs}
    waits = [run for run in todo if run.fingerprint in queued]
    if plan.launch.options.detach:
        outcome.skipped += [(run, "RUNNING") for run in waits]
    else:
        why = (
            "in the queue as a Slurm job of an earlier command; repeat this command after that job."
        )
        outcome.held += [(run, why) for run in waits]
    return [run for run in todo if run.fingerprint not in queued]


def _noted(folder: Path) -> dict[str, set[str]]:
    noted: dict[str, set[str]] = {}
    for path in folder.glob(job_name("*")):
        record = durable.read_object(path)
        with contextlib.suppress(KeyError, TypeError):
            noted[str(record["job"])] = set(record["runs"])
    return noted
