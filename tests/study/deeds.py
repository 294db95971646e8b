"""Runs that end in every way, without TensorFlow, for the tests of launching."""

import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

from gatekit.runs.folder import RunFolder
from gatekit.study.options import Options
from gatekit.study.plan import Launch, PlannedRun, SweepPlan

CONTEXT = multiprocessing.get_context("spawn")
RESULT = {"state": "COMPLETED", "metric": {"name": "nll"}, "best": {"test": 1.5}}


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


def child(path, deed):
    """Be a run: claim, then do the deed."""
    folder = RunFolder(path)
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if deed == "die early":
        os._exit(9)
    folder.claim()
    folder.write_config({"deed": deed})
    (path / "log.txt").write_text("first\nlast words\n")
    if deed == "kill server once" and folder.attempt == 1:
        os.kill(os.getppid(), signal.SIGKILL)
    if deed == "die with server once" and folder.attempt == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(1)
    if deed == "exit":
        sys.exit(3)
    if deed == "kill" or (deed == "kill once" and folder.attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "orphan once" and folder.attempt == 1:
        os.kill(multiprocessing.parent_process().pid, signal.SIGKILL)
        time.sleep(2)  # outlives its parent, then goes without a word
        os._exit(1)
    if deed == "disk":
        folder.status("FAILED", "input or output failed: no space left")
        return
    if deed == "gpu":
        seen = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "OMP_NUM_THREADS")
        (path / "gpu").write_text(" ".join(os.environ.get(name, "none") for name in seen))
        (path / "began").touch()
        stop.wait(1)
        (path / "ended").touch()
    if deed == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if deed == "fail":
        folder.status("FAILED", "the reason")
        return
    if deed == "wait":
        stop.wait(30)
        folder.status("INTERRUPTED", "stopped by a signal")
        return
    if deed == "hang":
        time.sleep(60)
    folder.finish({**RESULT, "state": "DIVERGED" if deed == "diverge" else "COMPLETED"})


def child_of(run, plan, environment, bar):
    """Be a run as the launcher starts it."""
    os.environ.update(environment)
    child(run.path, run.config["deed"])


def start(run, plan, bar):
    process = CONTEXT.Process(target=child, args=(run.path, run.config["deed"]))
    process.start()
    return process


def states(plan):
    return [run.folder().state().name for run in plan.runs]
