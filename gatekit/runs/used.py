"""What a run uses of its machine: processor time, memory and energy.

Energy is that of whole processors and GPUs, so it includes whatever else runs on them.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .process import peak_memory

POWERCAP = Path("/sys/class/powercap")
"""The folder of Linux with the energy counters of processors (RAPL)."""

NVML = "libnvidia-ml.so.1"
"""NVIDIA's library with the energy counters of GPUs."""

LOOK_EVERY = 60.0
"""Seconds between two looks at the counters; that of a processor restarts after a few minutes."""

Amounts = dict[str, float | None]


@dataclass
class Counter:
    """A counter of energy.

    Args:
        read: returns the units so far.
        unit: joules of a unit.
        restarts: the number of units after which it restarts at 0.

    Attributes:
        joules: the energy since this was made, until the latest look.
    """

    read: Callable[[], int]
    unit: float
    restarts: int
    joules: float = 0.0
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.read()

    def look(self) -> None:
        """Read the counter; it may have restarted once since the last look."""
        now = self.read()
        self.joules += (now - self._last) % self.restarts * self.unit
        self._last = now


class Used:
    """What a run has used since this was made, and in earlier attempts.

    Args:
        gpus: the number of GPUs of the run, the first of those that are visible.
    """

    def __init__(self, gpus: int = 0) -> None:
        self._earlier: Amounts = {}
        self._began, self._looked = time.process_time(), time.monotonic()
        self._counters: dict[str, list[Counter]] = {}
        for name, found in (("processor", processors), ("gpu", lambda: graphics(gpus))):
            try:
                self._counters[name] = found()
            except (OSError, ValueError):
                self._counters[name] = []

    def look(self) -> None:
        """Read the energy counters if the latest look is long ago."""
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._look()

    def resume(self, earlier: Amounts) -> None:
        """Add what earlier attempts used, from the checkpoint of the latest one."""
        self._earlier = earlier

    def record(self) -> Amounts:
        """Return processor seconds of all threads, the largest resident memory in bytes, and the
        joules of processors and GPUs; None for each that cannot be read."""
        self._look()
        now: Amounts = {"processor_seconds": time.process_time() - self._began}
        for name, counters in self._counters.items():
            joules = sum(counter.joules for counter in counters)
            now[f"{name}_joules"] = joules if counters else None
        for name, amount in now.items():
            earlier = self._earlier.get(name, 0.0)
            both = None if amount is None or earlier is None else earlier + amount
            now[name] = None if both is None else round(both, 3)
        peak = max(peak_memory(os.getpid()), self._earlier.get("peak_bytes") or 0)
        return {"peak_bytes": peak or None, **now}

    def _look(self) -> None:
        self._looked = time.monotonic()
        for name, counters in self._counters.items():
            try:
                for counter in counters:
                    counter.look()
            except (OSError, ValueError):
                self._counters[name] = []


def processors() -> list[Counter]:
    """Return the counter of each processor package.

    Raises:
        OSError: a counter cannot be read; on most systems, only root may.
    """
    counters = []
    for zone in sorted(POWERCAP.glob("intel-rapl:*")):
        if (zone / "name").read_text().startswith("package"):
            restarts = _number(zone / "max_energy_range_uj")
            counters.append(Counter(partial(_number, zone / "energy_uj"), 1e-6, restarts))
    return counters


def _number(file: Path) -> int:
    return int(file.read_text())


def graphics(count: int) -> list[Counter]:
    """Return the counter of each of the first visible GPUs; none if one of them is not found.

    Raises:
        OSError: there is no NVML, or a GPU does not count its energy.
    """
    if not count:
        return []
    nvml, counters = ctypes.CDLL(NVML), list[Counter]()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    wrong = nvml.nvmlInit_v2()
    for name in map(str.strip, visible.split(",")[:count]):
        handle = ctypes.c_void_p()
        if name.isdecimal():
            wrong = wrong or nvml.nvmlDeviceGetHandleByIndex_v2(int(name), ctypes.byref(handle))
        else:
            wrong = wrong or nvml.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if wrong:
            return []
        counters.append(Counter(partial(_millijoules, nvml, handle), 1e-3, 2**64))
    return counters


def _millijoules(nvml: ctypes.CDLL, handle: ctypes.c_void_p) -> int:
    """Return the energy of a GPU since its driver was loaded."""
    energy = ctypes.c_ulonglong()
    if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(energy)):
        raise OSError("this GPU does not count its energy")
    return energy.value
