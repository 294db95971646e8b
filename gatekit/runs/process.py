"""Facts about a process: whether it still is the one that made a claim, and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Owner:
    """The process that made a claim.

    Attributes:
        born: when it started, in ticks since boot; None where that is not known.
    """

    host: str
    pid: int
    born: str | None

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Self | None:
        """Return the owner that a claim names, None if it names none."""
        host, pid, start = record.get("host"), record.get("pid"), record.get("born")
        if not isinstance(host, str) or not (start is None or isinstance(start, str)):
            return None
        if type(pid) is not int or not 0 < pid < 2**31:
            return None
        return cls(host, pid, start)

    def alive(self) -> bool:
        """Return whether this machine still has this very process."""
        return living(self.pid) and born(self.pid) == self.born


_PR_SET_PDEATHSIG = 1


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


def peak_memory(pid: int) -> int:
    """Return the largest resident memory of a process so far, in bytes; 0 where it is not known.

    VmHWM counts from the fork; ``getrusage`` would begin with the peak of the parent.
    """
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def follow_parent(follow: bool) -> None:
    """Have the kernel kill this process when the thread that started it ends; Linux only."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if follow else 0)


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
