"""The fork server: a process that has imported TensorFlow and is forked for each run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import forkserver, resource_tracker

from gatekit.runs import process as system

PRELOAD = "gatekit.training.process.preload"

PATIENCE = 5.0
"""Seconds to wait for the end of a server that no longer answers."""


def start(begin: Callable[[], None], preload: Sequence[str]) -> None:
    """Start a process as a fork of the server; start the server if there is none.

    A server that has been killed is replaced, even if the kernel has not yet removed its process.

    Args:
        begin: asks the server for the process.
        preload: the modules that a new server imports first.

    Raises:
        EOFError: a new server ended while it imported, or a running one does not answer.
        ConnectionError: the same.
    """
    before = _pid()
    _serve(preload)
    asked = _pid()
    try:
        begin()
    except (EOFError, ConnectionError):
        if asked != before:  # this server is new: it ended during its imports
            raise
        end = time.monotonic() + PATIENCE
        while _pid() == asked:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
            _serve(preload)
        begin()


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
    """Return the process id of the latest server; None before the first."""
    number: int | None = getattr(forkserver._forkserver, "_forkserver_pid", None)
    return number
