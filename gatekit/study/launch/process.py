"""Runs as processes: forks of a server that has imported TensorFlow; spawned if there is a GPU."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import platform
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import spawn
from multiprocessing.connection import Connection, wait
from typing import Any

from gatekit.cell.errors import GatekitError
from gatekit.registry import guard
from gatekit.runs import process as system
from gatekit.runs.environment import gpu_visible
from gatekit.runs.folder import RunFolder
from gatekit.study.options import slot_environments
from gatekit.study.plan import PlannedRun, SweepPlan
from gatekit.training.process import programs

from . import fork_server
from .contract import Cause, Handle, StartError
from .signals import raising

NO_SERVER = 255
"""The exit code that multiprocessing reports for a process whose fork server is gone."""

NOT_STARTED = 70
"""The exit code of a process that could not import modules that a run needs, and claimed no run."""

IDLE = 10.0
"""Seconds that a process waits for a further run before it ends."""

BEGUN, ENDED = b"", b"\0ended"
"""What a process reports: a run has begun; it has ended, and another one may follow."""

Main = Callable[[PlannedRun, SweepPlan, dict[str, str], bool], None] | None


class Process:
    """One run in a process.

    Args:
        process: the started process.
        slot: the slot that the run occupies.
        pipe: the pipe on which the process reports that it has begun, that another run may follow,
            and why it ended if it could not record this in its folder.

    Attributes:
        ready: whether the run has ended, and the process waits for another one.
    """

    def __init__(self, process: Any, slot: int, pipe: Connection | None = None) -> None:
        self.process, self.slot, self.pipe = process, slot, pipe
        self.ready = False
        self.pid: int = process.pid
        self.served = getattr(process, "_start_method", "") == "forkserver"
        self.owner = system.Owner(platform.node(), self.pid, system.born(self.pid))
        self.peak = 0
        self.kills = system.kernel_kills()
        self.sent: str | None = None
        self.begun = pipe is None

    def waiting(self) -> bool:
        """Return False, because a process starts immediately."""
        return False

    def over(self) -> bool:
        """Return whether the run has ended; update the peak memory of its process."""
        alive = self.process.is_alive() or (self._orphan() and self.owner.alive())
        if alive:
            self.peak = max(self.peak, system.peak_memory(self.pid))
        self._listen()
        if self.ready:
            return True
        if alive:
            return False
        self.process.join()
        self._listen()
        self.close()
        return True

    def _listen(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while self.pipe is not None and self.pipe.poll():
                word = self.pipe.recv_bytes()
                self.begun, self.ready = True, word == ENDED
                self.sent = None if self.ready else word.decode(errors="replace") or None

    def close(self) -> None:
        """Close the pipe; a process that waits for another run then ends."""
        if self.pipe is not None:
            self.pipe.close()
            self.pipe = None

    def hand(self, run: PlannedRun) -> Process | None:
        """Hand another run to the process, which waits; return None if it does not begin it."""
        assert self.pipe is not None
        with contextlib.suppress(OSError, EOFError):
            self.pipe.send(run)
            # The process is idle, so only its end or its suspension can take longer.
            if self.pipe.poll(IDLE) and self.pipe.recv_bytes() == BEGUN:
                further = Process(self.process, self.slot, self.pipe)
                further.begun = True
                return further
        return None

    def leave(self) -> None:
        """End a process that waits for another run."""
        self.close()
        self.process.join(IDLE)
        if self.process.is_alive():
            self.kill()
            self.process.join()

    def reason(self) -> str:
        """Return how the process ended."""
        if self.sent is not None:
            return self.sent
        code = self.process.exitcode
        if self._orphan():
            return "lost with the fork server that had started it"
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            used = f" at {self.peak / 2**30:.1f} GiB" if self.peak else ""
            if self._by_the_kernel():
                return f"out of memory: killed by the kernel{used}"
            guess = f", perhaps out of memory{used}" if -code == signal.SIGKILL else ""
            return f"killed by signal {-code} ({name}{guess})"
        if self._never_began():
            return (
                "a new process of gatekit fails as it starts; the traceback above names the cause. "
                "If gatekit's files have changed meanwhile, repeat the command"
            )
        limited = f". {system.memory_remedy()}" if system.memory_limited() else ""
        return f"the process ended with exit code {code} before its result was written{limited}"

    def cause(self) -> Cause:
        """Return what ended the process; a crash of its own would recur."""
        code = self.process.exitcode or 0
        # If memory is too small, not even the reason can be sent.
        limited = code > 0 and self.sent is None and system.memory_limited()
        if self.sent is None and self._orphan():
            return Cause.START if limited and not self.begun else Cause.PARENT
        if code == NOT_STARTED or limited or self._never_began():
            return Cause.START
        killed = code == -signal.SIGKILL and not self._by_the_kernel()
        return Cause.OUTSIDE if killed else Cause.RUN

    def _never_began(self) -> bool:
        """Return whether the process failed before it received its run, as after an update."""
        failed = (self.process.exitcode or 0) > 0 and not self._orphan()
        return failed and not self.begun and not system.memory_limited()

    def owns(self, folder: RunFolder, before: int) -> bool:
        """Return whether this process made the latest claim."""
        # The process may have made an earlier claim, for another attempt.
        later = folder.state().attempt > before
        return later and folder.owner() == (platform.node(), self.pid)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        # multiprocessing sends nothing to a process whose fork server is gone.
        if (self.process.is_alive() or self._orphan()) and self.owner.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _orphan(self) -> bool:
        return self.served and bool(self.process.exitcode == NO_SERVER)

    def _by_the_kernel(self) -> bool:
        return self.process.exitcode == -signal.SIGKILL and system.kernel_kills() > self.kills


class Processes:
    """Processes on this machine, one per slot, each with its share of the GPUs.

    Args:
        plan: decides the number of slots and their environments.
        start: returns the started process of a run.
        main: the function that the process of a run calls; by default it trains the run.
    """

    def __init__(
        self,
        plan: SweepPlan,
        start: Callable[[PlannedRun, SweepPlan, bool], Any] | None = None,
        main: Main = None,
    ) -> None:
        self.plan, self.main = plan, main
        self.environments = slot_environments(plan.launch.options, plan.launch.devices)
        self.slots = plan.launch.n_jobs
        if self.environments:
            self.slots = min(self.slots, len(self.environments))
        # A fork of a process that has initialised CUDA is broken. Whether importing TensorFlow
        # initialises CUDA depends on the driver, so a visible GPU means a fresh interpreter.
        method = "spawn" if gpu_visible() else "forkserver"
        self.context: Any = multiprocessing.get_context(method)
        self.starting = start
        self.programs: tempfile.TemporaryDirectory[str] | None = None
        self.latest: dict[int, tuple[str, Process | None]] = {}

    def start(self, run: PlannedRun, slot: int, bar: bool) -> Process:
        """Start a run, in the process of the slot's latest run if that is of the same variant."""
        if self.starting is not None:
            return Process(self.starting(run, self.plan, bar), slot)
        process = self._handed(run, slot)
        if process is None:
            gpu = self.environments[slot] if self.environments else {}
            environment = self.plan.launch.environment(gpu) | self._shared()
            process = started(self.context, run, self.plan, environment, bar, self.main, slot=slot)
        self.latest[slot] = run.variant, process
        return process

    def _handed(self, run: PlannedRun, slot: int) -> Process | None:
        """Return the process of the slot's latest run if it has begun this run, too."""
        variant, process = self.latest.pop(slot, ("", None))
        if process is None or not process.ready:
            return None
        further = None
        # A run that was attempted before may have a checkpoint, made with other settings.
        if run.variant == variant and not run.folder().state().attempt:
            further = process.hand(run)
        if further is None:
            process.leave()
        return further

    @staticmethod
    def wait(handles: Sequence[Handle], seconds: float) -> None:
        """Wait for one of several processes to end."""
        running = [h for h in handles if isinstance(h, Process) and not h._orphan()]
        if running:
            pipes = [h.pipe for h in running if h.pipe is not None]
            wait([*(h.process.sentinel for h in running), *pipes], timeout=seconds)
        else:
            time.sleep(seconds)

    def close(self) -> None:
        """End idle processes, and remove the programs compiled by XLA; the fork server ends with
        this process."""
        for _, process in self.latest.values():
            if process is not None and process.ready:
                process.leave()
        if self.programs is not None:
            self.programs.cleanup()

    def _shared(self) -> dict[str, str]:
        """Return the variable for a folder of shared XLA programs; empty for one run or a GPU."""
        if len(self.plan.runs) == 1 or self.context.get_start_method() != "forkserver":
            return {}
        if self.programs is None:
            try:
                self.programs = tempfile.TemporaryDirectory(
                    prefix="gatekit-programs-", ignore_cleanup_errors=True
                )
            except OSError:
                return {}
        return {programs.VARIABLE: self.programs.name}


def started(
    context: Any,
    run: PlannedRun,
    plan: SweepPlan,
    environment: Mapping[str, str],
    bar: bool,
    main: Main = None,
    preload: Sequence[str] = (fork_server.PRELOAD, __name__),
    slot: int = 0,
) -> Process:
    """Start the process of a run and return it; a fork server first imports ``preload``.

    Raises:
        StartError: the fork server ended before it had started the process.
        StoppedError: a signal arrived meanwhile.
    """
    with _quiet(environment):
        # Omit the other runs: the process does not need them, and there may be thousands.
        alone = dataclasses.replace(plan, runs=(), sources={})
        reader, writer = context.Pipe()
        arguments = (writer, main or make, run, alone, dict(environment), bar)
        process = context.Process(target=_execute, args=arguments)
        try:
            begin = raising()(process.start)
            with _without_main():
                if context.get_start_method() == "forkserver":
                    fork_server.start(begin, preload)
                else:
                    begin()
        except BaseException as error:
            reader.close()
            if isinstance(error, (EOFError, ConnectionError)):
                raise StartError(
                    f"the fork server ended while it imported TensorFlow. {system.memory_remedy()}."
                ) from None
            raise
        finally:
            writer.close()
    return Process(process, slot, reader)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not execute the caller's script again, as multiprocessing would.

    A run does not need the script, and `gatekit.train` may be called without ``if __name__``.
    """
    original = spawn.get_preparation_data
    spawn.get_preparation_data = lambda name: {
        key: value for key, value in original(name).items() if not key.startswith("init_main")
    }
    try:
        yield
    finally:
        spawn.get_preparation_data = original


def _execute(
    writer: Connection,
    main: Any,
    run: PlannedRun,
    plan: SweepPlan,
    environment: dict[str, str],
    bar: bool,
) -> None:
    """Execute a run in its process; report the cause of an end that the folder cannot record."""
    _send(writer, "")
    code = 0
    try:
        if main is make:
            make(run, plan, environment, bar, writer)
        else:
            main(run, plan, environment, bar)
    except (GatekitError, StartError) as error:
        _send(writer, str(error))
        code = NOT_STARTED if isinstance(error, StartError) else 1
    except Exception as error:
        _send(writer, f"{type(error).__name__}: {error}")
        traceback.print_exc()
        code = 1
    guard.leave(code)
    sys.exit(code)


def _send(writer: Connection, text: str) -> None:
    with contextlib.suppress(OSError):
        writer.send_bytes(text[:4000].encode())


def make(
    run: PlannedRun,
    plan: SweepPlan,
    environment: Mapping[str, str],
    bar: bool,
    pipe: Connection | None = None,
) -> None:
    """Train a run in this process, and then those that the launcher hands to it.

    Args:
        run: the first run.
        plan: how to train it.
        environment: the variables of the process.
        bar: whether to show a progress bar on the terminal.
        pipe: the pipe on which further runs come; None if none may come.

    Raises:
        StartError: TensorFlow cannot be imported.
        RunError: the outcome cannot be written to the run's folder.
    """
    # A fork has the server's environment; TensorFlow reads these variables on first use.
    os.environ.update(environment)
    from gatekit.training.process import preload

    if preload.failure:
        remedy = system.memory_remedy()
        raise StartError(f"TensorFlow cannot be imported: {preload.failure}. {remedy}.")
    worker, launch = preload.worker, plan.launch

    def request(run: PlannedRun) -> Any:
        return worker.Request(
            run.path,
            run.config,
            run.data_hash,
            run.plugins,
            launch.threads,
            bar,
            launch.allow_changed,
            launch.track,
            launch.devices,
        )

    def following(stop: threading.Event) -> Any:
        further = None if pipe is None else _awaited(pipe, stop)
        return None if further is None else request(further)

    worker.work(request(run), following)


def _awaited(pipe: Connection, stop: threading.Event) -> PlannedRun | None:
    """Return the run that the launcher hands over; None if it hands none, or a signal came."""
    end = time.monotonic() + IDLE
    try:
        pipe.send_bytes(ENDED)
        while not pipe.poll(0.2):
            if stop.is_set() or time.monotonic() > end:
                return None
        run: PlannedRun = pipe.recv()
        if stop.is_set():
            return None
        # The peak of the memory is that of one run.
        system.forget_peak()
        pipe.send_bytes(BEGUN)
    except (OSError, EOFError):
        return None
    return run


@contextlib.contextmanager
def _quiet(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables that Python, TensorFlow and BLAS read, for processes started in the block."""
    messages = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")
    # A folder `gatekit` in the working folder, such as a clone, must not hide the package.
    variables = {"PYTHONSAFEPATH": "1", "TF_CPP_MIN_LOG_LEVEL": messages, **environment}
    before = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)
