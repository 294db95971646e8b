"""One contender in a process of its own, which computes only while it is told to."""

from __future__ import annotations

import importlib
import multiprocessing
import os
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


def serve(
    connection: Connection,
    log: Path,
    contender: Contender,
    size: Size,
    every_step: bool,
    threads: int,
) -> None:
    """Build the contender's training step and run as many steps as each message asks for.

    The first answer is the remark and the time of the first call, every other the times of steps.
    A message of 0 ends the process.

    Args:
        connection: where messages come from and answers go.
        log: the file that takes stderr, where libraries greet at length.
        contender: who runs.
        size: the sizes.
        every_step: whether the loss is taken at every step.
        threads: how many threads may compute.
    """
    os.dup2(os.open(log, os.O_WRONLY), 2)
    limit_threads(threads)
    make = cast(Maker, importlib.import_module(contender.library.module).make)
    started = make(contender.cell, contender.mode, size, every_step)

    def timed() -> Seconds:
        wall, cpu = time.perf_counter(), time.process_time()
        started.step()
        return Seconds(time.perf_counter() - wall, time.process_time() - cpu)

    connection.send((started.note, timed()))
    while steps := connection.recv():
        connection.send([timed() for _ in range(steps)])


class Worker:
    """The process of one contender, as the one who measures sees it.

    Args:
        contender: who runs.
        size: the sizes.
        every_step: whether the loss is taken at every step.
        threads: how many threads may compute.

    Raises:
        RuntimeError: the process ended before its first step; what it wrote is in the message.
    """

    def __init__(self, contender: Contender, size: Size, every_step: bool, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = f"{contender} with {contender.cell} at {size}"
        handle, name = tempfile.mkstemp(prefix="speed-", suffix=".log")
        os.close(handle)
        self._log = Path(name)
        self.contender = contender
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve,
            args=(theirs, self._log, contender, size, every_step, threads),
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self.note, self.first_call = self._answer()

    def run(self, steps: int) -> list[Seconds]:
        """Run some training steps and return how long each took.

        Raises:
            RuntimeError: the process has ended.
        """
        self._connection.send(steps)
        return cast(list[Seconds], self._answer())

    def _answer(self) -> Any:
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            said = self._log.read_text(errors="replace")[-2000:]
            self._log.unlink()
            raise RuntimeError(f"{self._name} ended; the end of what it wrote:\n{said}") from None

    def close(self) -> None:
        """End the process, if it has not ended by itself."""
        if self._process.is_alive():
            self._connection.send(0)
            self._process.join()
        self._log.unlink(missing_ok=True)
