"""A run's writer beats as long as it lives, and who doubts that it does listens for a while."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import files
from .folder import BEAT, RunFolder
from .plan import Run

EVERY = 10.0
"""Seconds between two beats."""

SILENCE = 60.0
"""Seconds, by the listener's own clock, after which a writer that does not beat is gone."""


def keep(folder: RunFolder, replaced: Callable[[], None]) -> threading.Event:
    """Beat from now on.

    Args:
        folder: the claimed folder.
        replaced: called once somebody else has taken the run over.

    Returns:
        What ends it when set.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(EVERY):
            if folder.replaced():
                replaced()
                return
            _beat(folder)

    _beat(folder)
    threading.Thread(target=beat, daemon=True).start()
    return over


def _beat(folder: RunFolder) -> None:
    # It grows instead of being replaced: a network file system may keep an old name for a minute.
    with contextlib.suppress(OSError):
        files.append(folder.path / BEAT, "")


@dataclass
class _Heard:
    run: Run
    attempt: int
    size: int | None
    since: float


class Listening:
    """Runs that other machines seem to work on, listened to until it is known of each.

    Args:
        runs: runs that somebody works on; those of this machine are known to live.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.heard = [
            _Heard(run, folder.state().attempt, _size(folder), time.monotonic())
            for run in runs
            if (folder := run.folder()) and (folder.owner() or ("", 0))[0] != platform.node()
        ]
        self.looked = time.monotonic()

    def __bool__(self) -> bool:
        """Whether it is not known of every run."""
        return bool(self.heard)

    def gone(self) -> list[Run]:
        """Return the runs that have been silent for too long, each once, and free for all."""
        now = time.monotonic()
        if now - self.looked < 1.0:
            return []
        self.looked, heard, found = now, self.heard, list[Run]()
        self.heard = []
        for each in heard:
            folder = each.run.folder()
            state = folder.state()
            same = (each.attempt, each.size) == (state.attempt, _size(folder))
            if state.name != "RUNNING" or not same or each.size is None:
                continue
            if now - each.since < SILENCE:
                self.heard.append(each)
                continue
            host = (folder.owner() or ("a machine", 0))[0]
            folder.lost(state.attempt, f"no sign of life from {host} for {SILENCE:.0f} s")
            found.append(each.run)
        return found


def _size(folder: RunFolder) -> int | None:
    """Return how often was beaten; opened, because that asks a network file system anew."""
    with contextlib.suppress(OSError), files.opened(folder.path / BEAT) as file:
        return os.fstat(file.fileno()).st_size
    return None
