"""Processes: whether the owner of a claim is alive, memory use, and signals to stop."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import platform
import re
import resource
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# From malloc.h of the GNU C library, which accepts thresholds up to 32 MiB.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK = 32 * 2**20
KEPT_BYTES = 512 * 2**20

BEAT_EVERY = 10.0
"""Seconds between two heartbeats of the process of a run."""

SILENCE = 60.0
"""Seconds without a heartbeat, by the observer's clock, after which a process counts as dead."""

ASKED_TO_STOP = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals from the launcher, a closing terminal, or a cluster that reclaims its node."""

STOP_SIGNALS = (signal.SIGINT, *ASKED_TO_STOP)

# Read before anything here changes it: a command that was started with nohup outlives its terminal.
_NOHUP = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@dataclass(frozen=True)
class Owner:
    """The process that made a claim.

    Attributes:
        born: when the process started, in ticks since boot; None if unknown.
        space: the namespace of its process id, see `space`; None if unknown.
        machine: the machine, see `machine`; None if unknown.
    """

    host: str
    pid: int
    born: str | None
    space: str | None = None
    machine: str | None = None

    @classmethod
    def this(cls) -> Self:
        """Return this process."""
        return cls(platform.node(), os.getpid(), born(os.getpid()), space(), machine())

    @classmethod
    def read(cls, record: Mapping[str, object]) -> Self | None:
        """Return the owner named by a claim; None if the claim names none."""
        host, pid, start = record.get("host"), record.get("pid"), record.get("born")
        if not isinstance(host, str) or not (start is None or isinstance(start, str)):
            return None
        if type(pid) is not int or not 0 < pid < 2**31:
            return None
        where = (record.get("space"), record.get("machine"))
        return cls(host, pid, start, *(w if isinstance(w, str) else None for w in where))

    def near(self) -> bool:
        """Return whether this process could see the owner: same machine, same container."""
        return (
            self.host == platform.node()
            and self.space in (None, space())
            and self.machine in (None, machine())
        )

    def alive(self) -> bool:
        """Return whether the owner, not a process that reuses its id, is alive on this machine."""
        return living(self.pid) and born(self.pid) == self.born


_PR_SET_PDEATHSIG = 1


def living(pid: int) -> bool:
    """Return whether a process exists, running or stopped, but not as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    fields = _stat(pid)
    return fields is None or fields[0] not in "ZX"


def born(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; this distinguishes reused ids."""
    fields = _stat(pid)
    return None if fields is None else fields[19]


def space() -> str | None:
    """Return the name of the kernel's namespace of process ids; None if unknown.

    Containers may share the machine's name but have their own process ids.
    """
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


@functools.cache
def machine() -> str | None:
    """Return a unique name of this machine; None if there is none.

    Machines of a cluster may share a host name. machine-id(5) asks to publish only a hash.
    """
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            if name := Path(path).read_bytes().strip():
                return hashlib.sha256(b"gatekit " + name).hexdigest()[:16]
    return None


def lock_table(path: Path) -> str | None:
    """Return the name of the lock table of a file: the kernel's boot id and the mounted device.

    Locks exclude each other only within one table. Two mounts of one remote folder are two devices
    and may not see each other's locks. None if there is no boot id, or the file is missing.
    """
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {path.stat().st_dev}"
    return None


def lock(path: Path, shared: bool = False) -> int | None:
    """Lock a file for as long as this process, or one that it forks, keeps the descriptor open.

    Args:
        path: the file.
        shared: whether others may share the lock; the file may then be read-only.

    Returns:
        The descriptor of the opened file; None if another process has the lock, if the file cannot
        be opened, or if the file system has no locks.
    """
    number = None
    try:
        mode = os.O_RDONLY if shared else os.O_RDWR
        number = os.open(path, mode | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        fcntl.flock(number, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        if number is not None:
            os.close(number)
        return None
    return number


def peak_memory(pid: int) -> int:
    """Return the largest resident memory of a process so far, in bytes; 0 if unknown.

    VmHWM starts at the fork; ``getrusage`` would include the peak of the parent.
    """
    with contextlib.suppress(OSError):
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(match[1]) * 1024 if match else 0
    return 0


def forget_peak() -> None:
    """Measure `peak_memory` of this process anew from now on; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def follow_parent(follow: bool) -> None:
    """Make the kernel kill this process when the thread that started it ends; Linux only.

    Args:
        follow: False undoes an earlier call.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if follow else 0)


def note_stop_signals() -> tuple[threading.Event, list[int]]:
    """Ignore Ctrl-C; return an event that all other stop signals set, and the received signals."""
    stop: threading.Event = threading.Event()
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        received.append(number)
        stop.set()

    # A terminal sends Ctrl-C to all processes; the launcher passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in ASKED_TO_STOP:
        if number != signal.SIGHUP or not _NOHUP:
            signal.signal(number, note)
    return stop, received


def ignore_stop_signals() -> None:
    """Ignore stop signals in this process, including blocked and pending ones."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def kernel_kills() -> int:
    """Return how many processes the kernel has killed because memory ran out."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def memory_limited() -> bool:
    """Return whether the shell limits the memory of this process."""
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def memory_remedy() -> str:
    """Return what to do if memory was too small."""
    if memory_limited():
        kib = resource.getrlimit(resource.RLIMIT_AS)[0] // 1024
        return f"If memory ran out, type ulimit -v unlimited: it is {kib} KiB now"
    return "If memory ran out, lower n_jobs; python -c 'import tensorflow' shows any other error"


def keep_freed() -> bool:
    """Keep up to 512 MiB of freed memory in this process, in blocks of at most 32 MiB.

    By default, the GNU C library returns free memory at the top of its heap to the kernel, and
    requests large blocks anew each time. In every training step, the kernel then clears hundreds of
    pages that the process already had one step before.

    Returns:
        Whether the C library accepted this; other libraries are not changed.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # Set both: setting one of them stops the library from adjusting the other.
        return bool(
            mallopt(_MMAP_THRESHOLD, LARGEST_BLOCK) and mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        )
    return False
