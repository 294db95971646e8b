"""Signals to the command: noted while it launches, and acted on between two looks at the runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""Not SIGUSR2, by which submitit queues a job again."""


@contextlib.contextmanager
def caught() -> Iterator[list[int]]:
    """Give the list to which each of these signals is appended; outside the main thread none is."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {s: signal.signal(s, lambda number, _: received.append(number)) for s in CAUGHT}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
