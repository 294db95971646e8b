"""A bound on the processor time of a part of a test."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 2.0
"""What gatekit may take to answer anything that a stranger wrote."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Fail where the block takes longer.

    Only this thread counts, and no garbage is collected meanwhile: a full collection takes
    seconds where earlier tests left much behind.

    Args:
        seconds: its processor time at most.
    """
    collects = gc.isenabled()
    gc.disable()
    start = time.thread_time()
    try:
        yield
    finally:
        spent = time.thread_time() - start
        if collects:
            gc.enable()
    assert spent < seconds, f"{spent:.1f} s of processor time"
