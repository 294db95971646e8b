"""What a run does, in a module of its own: each process that is started imports no more than it."""

import multiprocessing
import os
import signal
import sys
import threading
import time

from seams import AlteredError, RunFolder

CONTEXT = multiprocessing.get_context("spawn")
RESULT = {"state": "COMPLETED", "metric": {"name": "nll"}, "best": {"test": 1.5}}


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
    if deed == "lose files once" and folder.attempt == 1:
        folder.log({"epoch": 1, "value": 0.5})
        for name in ("config.yaml", "metrics.jsonl"):
            (path / name).unlink()
        folder.log({"epoch": 2, "value": 0.25})
        try:
            folder.finish(RESULT)
        except AlteredError as error:
            folder.status("CORRUPT", str(error))
            return
    if deed == "harm others":
        for other in path.parent.glob("*/config.yaml"):
            if other.parent != path and folder.attempt == 1:
                other.unlink()
    folder.finish({**RESULT, "state": "DIVERGED" if deed == "diverge" else "COMPLETED"})


def child_of(run, plan, environment, bar):
    """Be a run as the launcher starts it."""
    os.environ.update(environment)
    child(run.path, run.config["deed"])
