"""The fork server: a process that has imported TensorFlow; processes of runs are its forks."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from typing import Any

from gatekit.runs import process as system

from .signals import raising

PRELOAD = "gatekit.training.process.preload"

PATIENCE = 5.0
"""Seconds that a server which no longer answers may take to end, before a new one is started."""


def start(process: Any, preload: Sequence[str]) -> None:
    """Start a process as a fork of the server, which first imports ``preload``.

    A server that was killed is replaced, also if the kernel has not removed its process yet.

    Raises:
        StoppedError: a signal arrived meanwhile.
        EOFError: a new server ended while it imported, or a running one does not answer.
        ConnectionError: the same.
    """
    before = _pid()
    _serve(preload)
    asked = _pid()
    try:
        with raising():
            process.start()
    except (EOFError, ConnectionError):
        if asked != before:  # it is new, so it ended while it imported
            raise
        end = time.monotonic() + PATIENCE
        while _pid() == asked:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
            _serve(preload)
        with raising():
            process.start()


def _serve(preload: Sequence[str]) -> None:
    """Start the server if there is none; block Ctrl-C until gatekit's preload ignores it."""
    forkserver.set_forkserver_preload(list(preload))
    # The resource tracker is started first, because it unblocks these signals.
    resource_tracker.ensure_running()
    blocked = system.STOP_SIGNALS if PRELOAD in preload else ()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pid() -> int | None:
    """Return the process id of the server that was started last; None before the first."""
    number: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    return number
