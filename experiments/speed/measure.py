"""Timing in alternating pairs: who is compared is timed in turn, under the same disturbances."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from .contender import Contender, contenders
from .size import Size
from .worker import Seconds, Worker

WARM_UP = 3


@dataclass(frozen=True)
class Timing:
    """A contender's times.

    Args:
        contender: who.
        note: what ran inside.
        first_call: the first step, with tracing and compiling, in seconds.
        rounds: one a round: the median step of the round's block, in seconds.
    """

    contender: Contender
    note: str
    first_call: Seconds
    rounds: list[Seconds] = field(default_factory=list)

    def seconds(self, clock: str) -> list[float]:
        """Return the rounds' times by one clock, ``wall`` or ``cpu``."""
        return [getattr(round_, clock) for round_ in self.rounds]

    def median(self, clock: str) -> float:
        """Return the median over the rounds, in seconds."""
        return median(self.seconds(clock))


def measure(
    cell: str,
    size: Size,
    *,
    pairs: int,
    block: float,
    threads: int,
    every_step: bool,
    say: Callable[[str], None],
) -> list[Timing]:
    """Return the times of everybody who has a cell.

    In each round every contender runs one block of steps, always in the same order: A B C A B C.
    A round gives one pair for any two of them.

    Args:
        cell: the cell's name.
        size: the sizes.
        pairs: the number of rounds.
        block: how long a block takes, about, in seconds.
        threads: threads of each contender.
        every_step: whether the loss is taken at every step.
        say: told what goes on.
    """
    with ExitStack() as stack:
        workers = []
        for contender in contenders(cell):
            say(f"{cell} {size}: {contender} starts")
            worker = Worker(contender, size, every_step, threads)
            stack.callback(worker.close)
            workers.append(worker)
        timings = [Timing(w.contender, w.note, w.first_call) for w in workers]
        steps = [_steps(median(s.wall for s in w.run(WARM_UP)), block) for w in workers]
        for round_ in range(pairs):
            say(f"{cell} {size}: round {round_ + 1} of {pairs}")
            for worker, timing, count in zip(workers, timings, steps, strict=True):
                times = worker.run(count)
                timing.rounds.append(
                    Seconds(median(t.wall for t in times), median(t.cpu for t in times))
                )
    return timings


def _steps(seconds: float, block: float) -> int:
    return max(3, min(200, round(block / seconds)))
