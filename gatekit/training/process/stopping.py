"""How a run is asked to stop after its batch."""

from __future__ import annotations

import signal
import threading
from typing import Any

STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Asked to stop: by the launcher, a closed terminal, a cluster that takes its node back."""

ALL = (signal.SIGINT, *STOPPING)

# Read before anything here changes it: a command that was started with nohup outlives its terminal.
_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


class InterruptedRunError(Exception):
    """The run was asked to stop; it stopped after a batch."""


def noted() -> tuple[threading.Event, list[int]]:
    """Return an event that is set by each of these signals from now on, and the list of them."""
    stop: threading.Event = threading.Event()
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        stop.set()

    # A terminal sends Ctrl-C to all processes; the launcher passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in STOPPING:
        if number != signal.SIGHUP or not _NOHUP:
            signal.signal(number, note)
    return stop, received


def ignored() -> None:
    """Ignore these signals in this process, also those that are blocked and pending."""
    for number in ALL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
