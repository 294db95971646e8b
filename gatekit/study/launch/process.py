"""Runs as processes of this machine, forked from a server that has imported TensorFlow."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import platform
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from ..environment import gpu_visible
from ..folder import RunFolder
from ..gpus import places
from ..plan import Plan, Run
from .backend import Handle

PRELOAD = "gatekit.study.preload"

Main = Callable[[Run, Plan, dict[str, str], bool], None] | None


class Process:
    """One run in a process of its own."""

    def __init__(self, process: Any, place: int) -> None:
        self.process, self.place = process, place
        self.pid: int = process.pid
        self.peak = 0
        self.kills = _kernel_kills()

    def waiting(self) -> bool:
        """Return False: it begins at once."""
        return False

    def over(self) -> bool:
        """Return whether the process has ended; while it has not, note its memory."""
        if self.process.is_alive():
            self.peak = max(self.peak, _resident(self.process.pid))
            return False
        self.process.join()
        return True

    def reason(self) -> str:
        """Return how the process ended."""
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            used = f" at {self.peak / 2**30:.1f} GiB" if self.peak else ""
            if self._by_the_kernel():
                return f"out of memory: killed by the kernel{used}"
            guess = f", perhaps for want of memory{used}" if -code == signal.SIGKILL else ""
            return f"killed by signal {-code} ({name}{guess})"
        return f"the process ended with exit code {code} before its result was written"

    def lost(self) -> bool:
        """Return whether someone killed it; a segmentation fault would only come again."""
        return self.process.exitcode == -signal.SIGKILL and not self._by_the_kernel()

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether the latest claim is that of this process."""
        return folder.owner() == (platform.node(), self.pid)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.terminate()

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    def _by_the_kernel(self) -> bool:
        return self.process.exitcode == -signal.SIGKILL and _kernel_kills() > self.kills


class Processes:
    """As many processes at once as there are slots, each with its share of the GPUs.

    Args:
        plan: how many, and with what.
        start: returns the started process of a run.
        main: what the process of a run does, if not to train it.
    """

    def __init__(
        self, plan: Plan, start: Callable[[Run, Plan, bool], Any] | None = None, main: Main = None
    ) -> None:
        self.plan, self.main = plan, main
        self.places = places(plan.launch.options)
        self.slots = plan.launch.n_jobs
        if self.places:
            self.slots = min(self.slots, len(self.places))
        # A fork of a process that has initialised CUDA is broken; whether the import alone does so
        # depends on the driver, so that a visible GPU means a fresh interpreter.
        method = "spawn" if gpu_visible() else "forkserver"
        self.context: Any = multiprocessing.get_context(method)
        self.starting = start

    def start(self, run: Run, place: int, bar: bool) -> Process:
        """Start a run."""
        if self.starting is not None:
            return Process(self.starting(run, self.plan, bar), place)
        environment = environment_of(self.plan, self.places[place] if self.places else {})
        process = started(self.context, run, self.plan, environment, bar, self.main)
        return Process(process, place)

    def wait(self, handles: Sequence[Handle], seconds: float) -> None:
        """Wait for a process to end."""
        wait([h.process.sentinel for h in handles if isinstance(h, Process)], timeout=seconds)

    def close(self) -> None:
        """Do nothing: the server ends with this process."""


def environment_of(plan: Plan, gpu: Mapping[str, str]) -> dict[str, str]:
    """Return what a run's environment must hold before TensorFlow and BLAS are used."""
    threads = str(plan.launch.threads)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if plan.launch.options.gpus == 0 else {}
    return {**dict.fromkeys(names, threads), **hidden, **gpu}


def started(
    context: Any,
    run: Run,
    plan: Plan,
    environment: Mapping[str, str],
    bar: bool,
    main: Main = None,
    preload: Sequence[str] = (PRELOAD,),
) -> Any:
    """Return the started process of a run; a fork server has imported ``preload`` before."""
    with _quiet(environment):
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload(list(preload))
        # Of the other runs it needs to know nothing; thousands would be sent with each.
        alone = dataclasses.replace(plan, runs=(), sources={})
        arguments = (run, alone, dict(environment), bar)
        process = context.Process(target=main or make, args=arguments)
        process.start()
    return process


def make(run: Run, plan: Plan, environment: Mapping[str, str], bar: bool) -> None:
    """Be the process of a run."""
    # A fork of the server has the server's environment; TensorFlow reads this one when first used.
    os.environ.update(environment)
    work(run, plan, bar)


def work(run: Run, plan: Plan, bar: bool) -> None:
    """Make a run in this process."""
    from ..preload import worker

    launch = plan.launch
    request = worker.Request(
        run.path, run.config, run.data_hash, run.plugins, launch.threads, bar, launch.allow_changed
    )
    worker.work(request)


@contextlib.contextmanager
def _quiet(environment: Mapping[str, str]) -> Iterator[None]:
    """Set what TensorFlow and BLAS read when imported, for the processes started inside."""
    wanted = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"), **environment}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def _kernel_kills() -> int:
    """Return how many processes the kernel has killed for want of memory."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
