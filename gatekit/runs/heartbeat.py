"""Heartbeats: a run's process appends to a file; others wait for silence before they take over."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from . import durable
from .folder import RunFolder
from .names import BEAT

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
        durable.append(folder.path / BEAT, "")
