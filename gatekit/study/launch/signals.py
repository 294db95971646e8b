"""Signals to the command: recorded while it launches runs, and handled between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""The recorded signals; not SIGUSR2, which makes submitit queue a job again."""


class StoppedError(Exception):
    """A signal arrived during a call that blocks the command."""


class _Note:
    """A handler that appends each signal to a list, and raises if ``raising`` is set."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.raising = False

    def __call__(self, number: int, frame: object) -> None:
        self.received.append(number)
        if self.raising:
            raise StoppedError


@contextlib.contextmanager
def caught() -> Iterator[list[int]]:
    """Provide the list to which each signal of `CAUGHT` is appended; only in the main thread.

    A signal that was ignored when gatekit started stays ignored, as is usual for Unix commands:
    nohup ignores SIGHUP, and a shell without job control ignores SIGINT for commands with ``&``.
    """
    note = _Note()
    if threading.current_thread() is not threading.main_thread():
        yield note.received
        return
    heeded = [number for number in CAUGHT if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield note.received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def raising() -> Iterator[None]:
    """Interrupt a blocking call in the block at the first signal that `caught` records.

    Raises:
        StoppedError: a signal arrived.
    """
    note = signal.getsignal(signal.SIGTERM)
    if not isinstance(note, _Note) or threading.current_thread() is not threading.main_thread():
        yield
        return
    note.raising = True
    try:
        if note.received:
            raise StoppedError
        yield
    finally:
        note.raising = False
