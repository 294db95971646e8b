"""Whether a process that is named in a claim is still the one that made it."""

from __future__ import annotations

import os
from pathlib import Path


def living(pid: int) -> bool:
    """Return whether there is such a process, stopped or running, and not only its remains."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    fields = _stat(pid)
    return fields is None or fields[0] not in "ZX"


def born(pid: int) -> str | None:
    """Return when a process started, in ticks since boot: a reused id has another birth."""
    fields = _stat(pid)
    return None if fields is None else fields[19]


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
