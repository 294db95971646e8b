"""Checks a cell from an untrusted file in a process with limits.

Bounds make it cheap to read, build and refuse a cell. The cost of computing its numbers is only
known when TensorFlow computes them. So everything is done in a separate process, with limits of
processor time and memory, on two processors, and with only the plugins that the user typed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from gatekit.cell.errors import CellError, GatekitError
from gatekit.registry.discovery import DISABLE

from .outcome import Outcome

BUILD_SECONDS = 5
"""Processor time, in seconds, to read and build the cell."""
CHECK_SECONDS = 300
"""Processor time, in seconds, for the checks; the slowest bundled cell takes 46 s."""
MEMORY = 1024**3
"""Bytes of private memory (RLIMIT_DATA); the largest bundled cell takes 760 MB.

RLIMIT_AS would count 3 GB of addresses that TensorFlow reserves but never uses.
"""
PATIENCE = 1800.0
"""Seconds after which the process is killed; if it computes, it reaches a limit earlier."""
PROCESSORS = 2


def name(path: Path, plugins: Sequence[str], given: Mapping[str, int]) -> str:
    """Return the name of the cell in a file.

    Raises:
        CellError: the file is not a cell, or the cell is too large for the checks.
    """
    (answer,) = _answers(path, plugins, given, ())
    return str(answer["name"])


def outcomes(
    path: Path, plugins: Sequence[str], given: Mapping[str, int], checks: Sequence[str]
) -> Iterator[Outcome]:
    """Yield the outcomes of checks of the cell in a file, each as soon as it is known.

    Args:
        path: the file.
        plugins: plugin files that the user typed.
        given: units and features.
        checks: the names of the checks, in the order of the suite.

    Raises:
        CellError: the cell is refused, or needs more time or memory than its limits.
    """
    with contextlib.closing(_answers(path, plugins, given, checks)) as answers:
        next(answers)
        for answer in answers:
            yield Outcome(**answer)


def _answers(
    path: Path, plugins: Sequence[str], given: Mapping[str, int], checks: Sequence[str]
) -> Generator[dict[str, str], None, None]:
    asked = json.dumps([str(path), list(plugins), dict(given), list(checks)])
    # -P, because a module in the working folder is also untrusted.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, asked],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, DISABLE: "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    timer = threading.Timer(PATIENCE, child.kill)
    timer.daemon = True
    timer.start()
    answered = 0
    try:
        assert child.stdout is not None
        for line in child.stdout:
            answer = json.loads(line)
            if "refused" in answer:
                raise CellError(answer["refused"])
            answered += 1
            yield answer
        if child.wait() != 0 or answered != 1 + len(checks):
            at = checks[answered - 1] if 0 < answered <= len(checks) else "building"
            raise CellError(
                f"{path}: the check stopped at {at}: it needs more than {CHECK_SECONDS} s of "
                f"processor time ({BUILD_SECONDS} s for building) or {MEMORY / 1024**3:.0f} GiB of "
                "memory, or it crashed"
            )
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _limit(seconds: int) -> None:
    """Limit the memory of this process, and its processor time from now on."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    whole = int(used.ru_utime + used.ru_stime) + seconds
    for what, most in ((resource.RLIMIT_CPU, whole), (resource.RLIMIT_DATA, MEMORY)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(
            what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )


def _serve(asked: str) -> None:
    path, plugins, given, names = json.loads(asked)
    # Answers use a separate descriptor, so that output of libraries does not mix with them.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if hasattr(os, "sched_setaffinity"):
        # More processors mean more threads, and so more memory.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])
    _limit(BUILD_SECONDS)

    def answer(data: Mapping[str, str]) -> None:
        answers.write(json.dumps(data) + "\n")
        answers.flush()

    from . import cell_subject
    from .suite import cell_checks

    try:
        subject = cell_subject.from_file(Path(path), plugins, **given)
    except (GatekitError, MemoryError) as error:
        answer({"refused": str(error)})
        return
    answer({"name": subject.name})
    if not names:
        return
    _limit(CHECK_SECONDS)
    for check in cell_checks(subject):
        if check.name in names:
            answer(asdict(check.outcome()))


if __name__ == "__main__":
    _serve(sys.argv[1])
