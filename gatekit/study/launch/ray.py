"""Runs on a Ray cluster: each is a task that reserves CPUs and GPUs and starts a process."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import platform
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.runs.environment import gpu_visible
from gatekit.runs.folder import RunFolder
from gatekit.runs.process import follow_parent
from gatekit.study.options import slot_environment
from gatekit.study.plan import PlannedRun, SweepPlan

from . import fork_server, process
from .contract import Cause, Handle, StartError

STOP_WITHIN = 3.0
"""Seconds that a process has to stop when its task is cancelled."""

SETTLE = 6.0
"""Seconds after which the run of a lost task is abandoned if its folder still shows RUNNING."""


@dataclass(frozen=True)
class Ending:
    """How the process of a run ended, as reported by its task.

    Attributes:
        owner: machine and process; None if the task could not report them.
    """

    reason: str
    cause: Cause = Cause.RUN
    peak: int = 0
    owner: tuple[str, int] | None = None


class RayRun:
    """One run as a Ray task."""

    def __init__(self, ray: Any, reference: object, slot: int, folder: RunFolder) -> None:
        self.ray, self.reference, self.slot, self.folder = ray, reference, slot, folder
        self.peak = 0
        self.before = folder.state().attempt
        self.begun = False
        self.ending: Ending | None = None
        self.crashed = 0.0
        self.killed = 0.0

    def waiting(self) -> bool:
        """Return whether the run still waits for room in the cluster."""
        self.begun = self.begun or self.folder.state().attempt > self.before
        return not self.begun

    def over(self) -> bool:
        """Return whether the task has ended and, after a crash, also the process of its run."""
        if self.ending is None:
            if self.killed and time.monotonic() - self.killed > SETTLE:
                self.ending = Ending("the Ray task did not answer", Cause.OUTSIDE)
                return True
            ready, _ = self.ray.wait([self.reference], timeout=0)
            if not ready:
                return False
            self._hear()
        if not self.crashed or time.monotonic() - self.crashed > SETTLE:
            return True
        return self.folder.state().name != "RUNNING"

    def reason(self) -> str:
        """Return how the run ended."""
        return self.ending.reason if self.ending else ""

    def cause(self) -> Cause:
        """Return what ended the run."""
        return self.ending.cause if self.ending else Cause.RUN

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether the run's process made the latest claim."""
        owner = self.ending.owner if self.ending else None
        if owner is None:
            # The machine or worker is gone: a claim after the start was probably this run's.
            return folder.state().attempt > before
        return folder.owner() == owner

    def terminate(self) -> None:
        """Make the task stop its process."""
        with contextlib.suppress(Exception):
            self.ray.cancel(self.reference, force=False)

    def kill(self) -> None:
        """Make the task stop its process, and wait only a moment for its answer."""
        self.killed = self.killed or time.monotonic()
        self.terminate()

    def _hear(self) -> None:
        errors = self.ray.exceptions
        try:
            self.ending = self.ray.get(self.reference)
            self.peak = self.ending.peak
        except errors.TaskCancelledError:
            self.ending = Ending("the Ray task was cancelled")
        except errors.OutOfMemoryError as error:
            self.crashed = time.monotonic()
            self.ending = Ending(f"out of memory: killed by Ray ({_first_line(error)})")
        except errors.RayTaskError as error:
            last = str(error).strip().splitlines()[-1]
            self.ending = Ending(f"the Ray task failed: {last}")
        except errors.RayError as error:
            self.crashed = time.monotonic()
            self.ending = Ending(f"a Ray worker was lost: {_first_line(error)}", Cause.OUTSIDE)


class Ray:
    """A Ray cluster: the one at ``hydra.launcher.address``, or a new one on this machine.

    Args:
        plan: the runs and their resources.
        main: the function that the process of a run calls; by default it trains the run.

    Raises:
        ConfigError: Ray is missing, cannot be reached, or lacks resources that one run needs.
    """

    def __init__(self, plan: SweepPlan, main: process.Main = None) -> None:
        launch, options = plan.launch, plan.launch.options
        if isinstance(options.gpus, tuple):
            raise ConfigError(
                f"hydra.launcher.gpus=[{','.join(options.gpus)}]: on Ray, Ray chooses the GPUs; "
                "type auto, the total number, or 0."
            )
        self.ray = _ray()
        self.ours = not self.ray.is_initialized()
        if self.ours:
            _connect(self.ray, plan)
        nodes = [n["Resources"] for n in self.ray.nodes() if n["Alive"]]
        needs = {"CPU": float(launch.threads)}
        if options.gpus != 0 and (options.gpus != "auto" or any("GPU" in n for n in nodes)):
            needs["GPU"] = launch.devices / options.runs_per_gpu
        needs |= {name: float(amount) for name, amount in options.resources}
        self.slots = sum(_fitting(needs, node) for node in nodes)
        if not self.slots:
            there = "; ".join(_listed(node) for node in nodes)
            self.close()
            raise ConfigError(
                f"one run needs {_listed(needs)}, but the machines of this Ray cluster have "
                f"{there}: type smaller threads, hydra.launcher.gpus=0 or other "
                "hydra.launcher.resources."
            )
        if isinstance(options.gpus, int) and options.gpus:
            self.slots = min(self.slots, options.gpus * options.runs_per_gpu // launch.devices)
        if launch.jobs:
            self.slots = min(self.slots, launch.jobs)
        root = launch.root.absolute()
        self.plan = SweepPlan(dataclasses.replace(launch, root=root), (), ())
        self.main = functools.partial(_begin, os.getcwd(), main or process.make)
        self.preload = (fork_server.PRELOAD, process.__name__) if main is None else ()
        self.task = self.ray.remote(
            max_retries=0,
            num_cpus=needs["CPU"],
            num_gpus=needs.get("GPU", 0),
            resources={name: needs[name] for name, _ in options.resources},
        )(_task)

    def start(self, run: PlannedRun, slot: int, bar: bool) -> RayRun:
        """Submit a run."""
        run = dataclasses.replace(run, path=run.path.absolute())
        folder = run.folder()
        task = RayRun(self.ray, None, slot, folder)
        task.reference = self.task.remote(run, self.plan, self.main, self.preload)
        return task

    def wait(self, handles: Sequence[Handle], seconds: float) -> None:
        """Wait for a task to end."""
        references = [h.reference for h in handles if isinstance(h, RayRun) and h.ending is None]
        if references:
            self.ray.wait(references, timeout=seconds)
        else:
            time.sleep(seconds)

    def close(self) -> None:
        """Leave the cluster; shut it down if this command started it."""
        if self.ours:
            self.ray.shutdown()


def _task(run: PlannedRun, plan: SweepPlan, main: process.Main, preload: Sequence[str]) -> Ending:
    """Execute a run in a separate process, so that a crash of the run does not end the worker."""
    import ray

    options = plan.launch.options
    gpu = {}
    if options.gpus != 0 and ray.get_gpu_ids():
        gpu = slot_environment(os.environ["CUDA_VISIBLE_DEVICES"], options)
    environment = {"CUDA_VISIBLE_DEVICES": "-1", **plan.launch.environment(gpu)}
    context = multiprocessing.get_context("spawn" if gpu and gpu_visible() else "forkserver")
    with _nameless_main():
        try:
            child = process.started(context, run, plan, environment, False, main, preload)
        except StartError as error:
            return Ending(str(error), Cause.PARENT)
    try:
        while not child.over():
            process.Processes.wait([child], 0.2)
    except KeyboardInterrupt:
        # Ray cancels a task by SIGINT. A second one must not leave the process behind.
        asked = signal.signal(signal.SIGINT, signal.SIG_IGN)
        child.terminate()
        child.process.join(STOP_WITHIN)
        child.kill()
        child.process.join()
        signal.signal(signal.SIGINT, asked)
    return Ending(child.reason(), child.cause(), child.peak, (platform.node(), child.pid))


def _begin(
    cwd: str, main: Any, run: PlannedRun, plan: SweepPlan, environment: Mapping[str, str], bar: bool
) -> None:
    """Execute a run in the folder where the command was typed; end with the Ray worker."""
    with contextlib.suppress(OSError):
        os.chdir(cwd)
    # The fork server is this process's parent and ends with the worker, so no writer stays behind.
    follow_parent(True)
    main(run, plan, environment, bar)


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """Hide Ray's main script from multiprocessing, which would import Ray again for every run."""
    main = vars(sys.modules["__main__"])
    name = main.pop("__file__", None)
    try:
        yield
    finally:
        if name is not None:
            main["__file__"] = name


def _connect(ray: Any, plan: SweepPlan) -> None:
    launch = plan.launch
    # Ray sends usage statistics by default. A cluster started here sends none unless you set this.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    here: dict[str, Any] = {"include_dashboard": False, "num_cpus": launch.n_jobs * launch.threads}
    address = launch.options.address
    try:
        _reach(address or "")
        ray.init(
            # Without "local", Ray would read an address from the environment.
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            configure_logging=False,
            **({} if address else here),
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise ConfigError(
            f"hydra.launcher.address={address or 'null'}: no Ray cluster answers "
            f"({_first_line(error)}). Type hydra.launcher.address=auto on a node of the cluster, "
            "HOST:6379 elsewhere, or omit it to start a cluster on this machine."
        ) from None


def _reach(address: str) -> None:
    """Connect to ``HOST:PORT`` once, because Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _fitting(needs: Mapping[str, float], there: Mapping[str, float]) -> int:
    """Return how many runs fit on a machine; Ray's amounts are multiples of 1/10,000."""
    return min(int(there.get(name, 0) / amount + 1e-3) for name, amount in needs.items())


def _listed(amounts: Mapping[str, float]) -> str:
    hidden = ("node:", "object_store", "memory", "accelerator_type")
    shown = {k: v for k, v in amounts.items() if not k.startswith(hidden)}
    return ", ".join(f"{amount:g} {name}" for name, amount in sorted(shown.items()))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise ConfigError(
            "hydra.launcher.backend=ray needs Ray: type pip install 'ray>=2.50'."
        ) from None
    return ray
