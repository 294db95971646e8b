"""Runs that end in every way, without TensorFlow, for the tests of launching."""

import dataclasses
from pathlib import Path

from deed import CONTEXT, child
from seams import Launch, Options, PlannedRun, SweepPlan


def plan_of(root, *deeds, n_jobs=2, retry=False, threads=1, **options):
    """Return a plan whose runs do the deeds, which are named in their labels."""
    runs = tuple(
        PlannedRun(
            deed,
            {"deed": deed},
            f"{k:016x}",
            "d",
            {},
            {},
            Path(root) / "s" / "runs" / f"{k:016x}",
            (f"deed={deed}", f"seed={k}"),
            f"origin {k}",
        )
        for k, deed in enumerate(deeds)
    )
    launch = Launch("s", Path(root), n_jobs, threads, retry, Options(**options), jobs=n_jobs)
    return SweepPlan(launch, runs, (), {}, "gatekit train -m deed=x")


def changed(plan, digest):
    """Return the plan after a plugin's source has changed: other fingerprints, same origins."""
    runs = tuple(
        dataclasses.replace(
            run,
            fingerprint=run.fingerprint[:8] + digest,
            path=run.path.with_name(run.fingerprint[:8] + digest),
            plugins={"mine": digest},
        )
        for run in plan.runs
    )
    return dataclasses.replace(plan, runs=runs)


def start(run, plan, bar):
    process = CONTEXT.Process(target=child, args=(run.path, run.config["deed"]))
    process.start()
    return process


def states(plan):
    return [run.folder().state().name for run in plan.runs]
