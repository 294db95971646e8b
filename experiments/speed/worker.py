"""One contender in a process of its own, which computes only while it is told to."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

from .contender import Contender, Maker
from .size import Size
from .threads import limit_threads


@dataclass(frozen=True)
class Seconds:
    """The time that something took: on the clock, and of the processor in all threads."""

    wall: float
    cpu: float


def serve(
    connection: Connection, contender: Contender, size: Size, every_step: bool, threads: int
) -> None:
    """Build the contender's training step and run as many steps as each message asks for.

    The first answer is the remark and the time of the first call, every other the times of steps.
    A message of 0 ends the process.
    """
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
    """The process of one contender, as the one who measures sees it."""

    def __init__(self, contender: Contender, size: Size, every_step: bool, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.contender = contender
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, contender, size, every_step, threads), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            self.note, self.first_call = self._connection.recv()
        except EOFError:
            raise RuntimeError(
                f"{contender} with {contender.cell} at {size} ended before its first step; "
                "its traceback stands above"
            ) from None

    def run(self, steps: int) -> list[Seconds]:
        """Run some training steps and return how long each took."""
        self._connection.send(steps)
        return cast(list[Seconds], self._connection.recv())

    def close(self) -> None:
        """End the process."""
        self._connection.send(0)
        self._process.join()
