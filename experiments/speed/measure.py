"""Timing in alternating pairs: contenders take turns, and so share the same disturbances."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from .contender import Contender
from .machine import revision
from .results import Race, Timing
from .size import Size
from .worker import FailedError, Worker

WARM_UP = 3
_LONG = 1
"""Seconds of a step from which one step is enough to warm up."""
MEMORY_STEPS = 3
"""Steps after which the peak of a training loop is reached."""


@dataclass(frozen=True)
class Method:
    """How races are measured.

    Args:
        pairs: the number of rounds.
        block: about how long a contender's turn takes, in seconds.
        every_step: whether the loss is taken at every step.
        patience: seconds that one contender may take to start, or for one turn.
        forked: whether processes that are timed are forked from one with the library.
        slow: a contender runs one round only if it takes this many times as long as the fastest of
            its mode, graph or XLA, in the warm-up.
    """

    pairs: int = 7
    block: float = 0.3
    every_step: bool = False
    patience: float = 600.0
    forked: bool = False
    slow: float = math.inf


def measure(
    contenders: Sequence[Contender],
    size: Size,
    whats: Sequence[str],
    threads: int,
    method: Method,
    say: Callable[[str], None],
) -> list[Race]:
    """Return the races of all contenders with one cell, one race for each of ``whats``.

    In each round every contender runs one block of steps, always in the same order: A B C A B C.
    A round gives one pair for any two of them. For ``memory`` each runs alone, in a new process.

    Args:
        contenders: those that run, all with the same cell.
        size: the sizes.
        whats: any of ``train``, ``forward`` and ``memory``.
        threads: threads of each contender.
        method: how races are measured.
        say: called with a line on what goes on.
    """
    races = []
    timed = [what for what in whats if what != "memory"]
    failed: dict[str, str] = {}

    def race(what: str, timings: list[Timing]) -> Race:
        return Race(
            cell=contenders[0].cell,
            size=size,
            what=what,
            threads=threads,
            every_step=method.every_step,
            timings=timings,
            failed=dict(failed),
            about=_about(method),
        )

    if timed:
        with ExitStack() as stack:
            workers = []
            for contender in contenders:
                say(f"{contender} starts")
                try:
                    worker = Worker(
                        contender,
                        size,
                        method.every_step,
                        threads,
                        method.patience,
                        method.forked,
                    )
                except FailedError as error:
                    failed[str(contender)] = _last_line(error)
                    continue
                stack.callback(worker.close)
                workers.append(worker)
            for what in timed:
                races.append(race(what, _rounds(workers, what, method, failed, say)))
    if "memory" in whats:
        failed.clear()
        timings = []
        for contender in contenders:
            say(f"{contender}, memory")
            try:
                timings.append(_memory(contender, size, threads, method))
            except FailedError as error:
                failed[str(contender)] = _last_line(error)
        races.append(race("memory", timings))
    return [found for found in races if found.timings]


def _rounds(
    workers: list[Worker],
    what: str,
    method: Method,
    failed: dict[str, str],
    say: Callable[[str], None],
) -> list[Timing]:
    """Return the times of one kind of step; a worker that fails is dropped from the list."""
    timings: dict[Worker, Timing] = {}
    typical: dict[Worker, float] = {}

    def drop(worker: Worker, error: FailedError) -> None:
        failed[str(worker.contender)] = _last_line(error)
        timings.pop(worker, None)
        workers.remove(worker)

    for worker in list(workers):
        say(f"{worker.contender} traces and compiles, {what}")
        try:
            (first,) = worker.run(what, 1)
            steps = worker.run(what, 1)
            if steps[0].wall < _LONG:
                steps += worker.run(what, WARM_UP - 1)
        except FailedError as error:
            drop(worker, error)
            continue
        timings[worker] = _timing(worker, first_call=first.wall)
        typical[worker] = median(step.wall for step in steps)
    for round_ in range(method.pairs):
        say(f"{what}, round {round_ + 1} of {method.pairs}")
        for worker in list(timings):
            same = [typical[each] for each in timings if _compiler(each) == _compiler(worker)]
            if round_ and typical[worker] > method.slow * min(same):
                continue
            try:
                count = max(1, min(200, round(method.block / typical[worker])))
                steps = worker.run(what, count)
            except FailedError as error:
                drop(worker, error)
                continue
            timings[worker].wall.append(median(step.wall for step in steps))
            timings[worker].cpu.append(median(step.cpu for step in steps))
    return [replace(timing, peak=worker.peak()) for worker, timing in timings.items()]


def _compiler(worker: Worker) -> str:
    return worker.contender.mode.rpartition("-")[2]


def _memory(contender: Contender, size: Size, threads: int, method: Method) -> Timing:
    worker = Worker(contender, size, method.every_step, threads, method.patience)
    try:
        (first, *steps) = worker.run("train", MEMORY_STEPS)
        return replace(
            _timing(worker, first_call=first.wall),
            wall=[median(step.wall for step in steps)],
            cpu=[median(step.cpu for step in steps)],
            peak=worker.peak(),
        )
    finally:
        worker.close()


def _timing(worker: Worker, **facts: Any) -> Timing:
    contender, ready = worker.contender, worker.ready
    return Timing(
        library=contender.library.name,
        mode=contender.mode,
        note=ready.note,
        parameters=ready.parameters,
        base=ready.base,
        build=ready.build,
        **facts,
    )


def _about(method: Method) -> dict[str, Any]:
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "pairs": method.pairs,
        "block": method.block,
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _last_line(error: FailedError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{lines[0].partition(';')[0]}: {lines[-1][:300]}"
