"""Start processes in tests: each in its own session, with a time limit, and killed at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 1200.0
"""Seconds after which a process hangs for certain, on a machine of any load."""


def heed_signals() -> None:
    """Give the signals that pytest was started to ignore to the processes that tests start.

    ``nohup`` ignores SIGHUP and a shell ignores SIGINT for what it starts with ``&``; a program
    inherits that. A handler that does nothing keeps pytest as deaf as it was asked to be, and a
    program that it starts begins with the default.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def until(seen: Callable[[], Any], process: subprocess.Popen[Any] | None = None) -> None:
    """Wait until something is seen, within `PATIENCE`; not if the process ends before.

    Raises:
        AssertionError: it was not seen.
    """
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "nothing was seen in time"
        assert process is None or process.poll() is None, "the process ended before"
        time.sleep(0.05)


@contextlib.contextmanager
def started(command: Any, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process without a terminal; at the end, kill what is left of its session."""
    options = {"stdin": subprocess.DEVNULL, **options}
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def run(
    command: Any, check: bool = False, capture_output: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a process to its end, as `subprocess.run` does, within `PATIENCE`.

    Raises:
        subprocess.TimeoutExpired: it hangs.
        subprocess.CalledProcessError: it fails, and ``check`` is set.
    """
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(command, **options) as process:
        out, err = process.communicate(timeout=PATIENCE)
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done
