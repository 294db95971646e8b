"""Launch a plan: find the runs to execute, choose the backend, and mark outdated runs as stale."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any, TextIO

from gatekit.cell.errors import RunError
from gatekit.runs import durable
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import PLUGINS, RUNS
from gatekit.runs.studies import plan_file
from gatekit.runs.studies.plan_file import RequestedRun, outdated
from gatekit.runs.studies.survey import reserve
from gatekit.study.plan import PlannedRun, SweepPlan

from .contract import Backend, ListedRuns, RunSource
from .loop import make, pending
from .outcome import SweepOutcome
from .process import Processes


def launch(
    plan: SweepPlan,
    start: Callable[[PlannedRun, SweepPlan, bool], Any] | None = None,
    backend: Backend | None = None,
    work: RunSource | None = None,
    stream: TextIO | None = None,
    verb: str | None = None,
) -> SweepOutcome:
    """Execute the runs of a plan that are not complete yet.

    Args:
        plan: the runs, and how to execute them.
        start: returns the started process of a run; by default, the process is forked from a server
            that has imported TensorFlow, or is a new interpreter if a GPU is visible.
        backend: where runs are executed; by default the value of ``hydra.launcher.backend``.
        work: the source of the runs if the plan does not list them beforehand.
        stream: where progress is shown; stdout by default.
        verb: the word for a run that has an outcome; by default, its state and score are shown.

    Returns:
        Which runs were executed, skipped or failed; their results are in the folders.

    Raises:
        RunError: the study has an earlier format, its folder cannot be written, or the backend is
            not available.
        ConfigError: a run needs a GPU, and there is none.
    """
    outcome = SweepOutcome()
    plan_file.refuse_older(plan.study)
    own = backend is None and start is None
    if work is None:
        todo = pending(plan, outcome)
        if not todo:
            # If a plugin's old source was restored, its old runs are no longer stale.
            with contextlib.suppress(OSError):
                mark_stale(plan)
            return outcome
        work = ListedRuns(todo, grouped=own and plan.launch.options.backend == "process")
    asked = plan.launch.options.backend if own else "process"
    if asked == "slurm":
        from .slurm import Slurm, detach, untimed
        from .slurm_queue import not_queued, submitit_executor

        # Missing packages and refused options are reported before anything is written.
        jobs = submitit_executor(plan)
        prepare(plan)
        if plan.launch.options.detach:
            return detach(plan, jobs, work.rest(), outcome)
        work = ListedRuns(not_queued(plan, work.rest(), outcome))
        return make(untimed(plan), Slurm(plan, jobs), work, outcome, stream, plan.log, verb)
    if asked == "ray":
        from .ray import Ray

        backend = Ray(plan)
    prepare(plan)
    if asked == "process" and own and work.total:
        _announce(work.total, plan.launch.n_jobs, stream or sys.stdout)
    return make(plan, backend or Processes(plan, start), work, outcome, stream, plan.log, verb)


def _announce(runs: int, slots: int, stream: TextIO) -> None:
    """Write that TensorFlow is imported, which takes seconds before the first run starts."""
    many = f"{runs} runs, {min(runs, slots)} at a time" if runs > 1 else "1 run"
    # A terminal may close, and a disk may be full: the runs start anyway.
    with contextlib.suppress(OSError):
        stream.write(f"starting TensorFlow for {many}\n")
        stream.flush()


def prepare(plan: SweepPlan) -> None:
    """Create the study's folder with the plan and plugin sources; mark outdated runs as stale.

    Raises:
        RunError: the folder cannot be written.
    """
    study = plan.launch.root / plan.launch.study
    runs, sources = study / RUNS, study / PLUGINS
    try:
        durable.folder(runs)
        write_plan(plan)
        # Another user's file may not be writable, which is not a reason to stop.
        with contextlib.suppress(PermissionError):
            reserve(study)
        mark_stale(plan)
        for digest, source in plan.sources.items():
            path = sources / f"{digest}.py"
            if not path.exists():
                durable.folder(sources)
                durable.create(path, source)
    except OSError as error:
        raise RunError(
            f"cannot write to {runs}: {error.strerror or error}. "
            "Choose another folder with root=FOLDER."
        ) from None


def write_plan(plan: SweepPlan) -> None:
    """Write the plan next to ``runs``, unless it was already written."""
    runs = [
        RequestedRun(r.fingerprint, r.label, tuple(r.words), r.origin, r.config) for r in plan.runs
    ]
    plan_file.write(plan.study, plan.name, plan.command, runs)


def mark_stale(plan: SweepPlan) -> None:
    """Mark the runs that the plan outdates as stale, and its own runs as current; keep all runs."""
    by_origin: dict[str, list[RequestedRun]] = {}
    for known in plan_file.read(plan.study).values():
        by_origin.setdefault(known.origin, []).append(known)
    for run in plan.runs:
        # Another user's folder may not be writable, which is not a reason to stop.
        with contextlib.suppress(PermissionError, IsADirectoryError):
            run.folder().renew()
        for old in outdated(run.fingerprint, run.origin, by_origin.get(run.origin, ())):
            folder = RunFolder(run.path.with_name(old))
            with contextlib.suppress(PermissionError, IsADirectoryError):
                if folder.marked_by() != run.fingerprint:
                    folder.outdate(run.fingerprint, _because(folder, run))


def _because(folder: RunFolder, run: PlannedRun) -> str:
    before, data_hash = folder.sources()
    changed = [n for n, digest in run.plugins.items() if before.get(n, digest) != digest]
    if changed:
        return f"the source of {', '.join(f'plugin {name}' for name in changed)} has changed"
    if data_hash not in (None, run.data_hash):
        return "the data have changed"
    return "plugins, data or gatekit's computation have changed"
