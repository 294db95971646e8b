"""One contender in a process of its own, which computes only when asked."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from .contender import Contender, Maker
from .size import Size
from .threads import limit_threads


@dataclass(frozen=True)
class Seconds:
    """The time that something took: on the clock, and of the processor in all threads."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Ready:
    """What a contender reports once its layer is made.

    Args:
        note: what runs inside.
        parameters: the layer's parameters.
        base: bytes that were resident before the layer was made.
        build: seconds that making it took; an unrolled layer is traced here for the first time.
    """

    note: str
    parameters: int
    base: int
    build: float


class FailedError(RuntimeError):
    """A contender's process ended, or did not answer in time."""


def resident(field: str) -> int:
    """Return the resident bytes of this process: ``VmRSS`` is now, ``VmHWM`` the peak so far."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    (line,) = [entry for entry in status.splitlines() if entry.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024


def serve(
    connection: Connection,
    log: Path,
    contender: Contender,
    size: Size,
    every_step: bool,
    threads: int,
) -> None:
    """Build the contender's layer and run as many steps as each message asks for.

    The first answer is a `Ready`. A message ``(what, steps)`` is answered with the times of so many
    steps, ``"peak"`` with the most bytes that were resident; None ends the process.

    Args:
        connection: where messages come from and answers go.
        log: the file that takes stderr, where libraries print start-up messages.
        contender: the contender that runs.
        size: the sizes.
        every_step: whether the loss is taken at every step.
        threads: how many threads may compute.
    """
    os.dup2(os.open(log, os.O_WRONLY), 2)
    limit_threads(threads)
    make = cast(Maker, importlib.import_module(contender.library.module).make)
    base = resident("VmRSS")
    began = time.perf_counter()
    started = make(contender.cell, contender.mode, size, every_step)
    build = time.perf_counter() - began
    steps = {"train": started.train, "forward": started.forward}

    def timed(what: str) -> Seconds:
        wall, cpu = time.perf_counter(), time.process_time()
        steps[what]()
        return Seconds(time.perf_counter() - wall, time.process_time() - cpu)

    connection.send(Ready(started.note, started.parameters, base, build))
    while (message := connection.recv()) is not None:
        if message == "peak":
            connection.send(resident("VmHWM"))
        else:
            what, count = message
            connection.send([timed(what) for _ in range(count)])


class Worker:
    """The process of one contender, as seen by the process that measures.

    Args:
        contender: the contender that runs.
        size: the sizes.
        every_step: whether the loss is taken at every step.
        threads: how many threads may compute.
        patience: seconds that an answer may take.
        forked: whether the process is forked from one that has imported the library, which saves
            seconds; its memory is not that of a process of its own.

    Raises:
        FailedError: the process ended before its first answer, or took too long for it.
    """

    def __init__(
        self,
        contender: Contender,
        size: Size,
        every_step: bool,
        threads: int,
        patience: float = 600.0,
        forked: bool = False,
    ) -> None:
        context: Any = multiprocessing.get_context("forkserver" if forked else "spawn")
        if forked:
            context.set_forkserver_preload([contender.library.module])
        self._name = f"{contender} with {contender.cell} at {size}"
        handle, name = tempfile.mkstemp(prefix="speed-", suffix=".log")
        os.close(handle)
        self._log, self._patience = Path(name), patience
        self.contender = contender
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve,
            args=(theirs, self._log, contender, size, every_step, threads),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self.ready = cast(Ready, self._answer())

    def run(self, what: str, steps: int) -> list[Seconds]:
        """Run some steps, ``train`` or ``forward``, and return how long each took.

        Raises:
            FailedError: the process has ended, or took too long.
        """
        return cast(list[Seconds], self._ask((what, steps)))

    def peak(self) -> int:
        """Return the most bytes that were resident in the process.

        Raises:
            FailedError: the process has ended.
        """
        return cast(int, self._ask("peak"))

    def _ask(self, message: Any) -> Any:
        try:
            self._connection.send(message)
        except OSError:
            self._fail("ended")
        return self._answer()

    def _answer(self) -> Any:
        if not self._connection.poll(self._patience):
            self._process.kill()
            self._fail(f"gave no answer for {self._patience:.0f} s and was stopped")
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return self._fail("ended")

    def _fail(self, how: str) -> None:
        self._process.join()
        said = self._log.read_text(errors="replace")[-2000:]
        self._log.unlink()
        raise FailedError(f"{self._name} {how}; the end of what it wrote:\n{said}")

    def close(self) -> None:
        """End the process, if it has not ended by itself, and delete its log."""
        if self._process.is_alive():
            try:
                self._connection.send(None)
            except OSError:
                self._process.kill()
            self._process.join(30)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._log.unlink(missing_ok=True)
