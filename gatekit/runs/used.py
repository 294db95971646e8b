"""What a run uses of its machine: processor time and memory."""

from __future__ import annotations

import os
import time

from .process import peak_memory

Amounts = dict[str, float | None]


class Used:
    """What a run has used since this was made, and in earlier attempts."""

    def __init__(self) -> None:
        self._earlier: Amounts = {}
        self._began = time.process_time()

    def resume(self, earlier: Amounts) -> None:
        """Add what earlier attempts used, from the checkpoint of the latest one."""
        self._earlier = earlier

    def record(self) -> Amounts:
        """Return processor seconds of all threads, and the largest resident memory in bytes."""
        seconds = time.process_time() - self._began
        earlier = self._earlier.get("processor_seconds") or 0.0
        peak = max(peak_memory(os.getpid()), self._earlier.get("peak_bytes") or 0)
        return {"peak_bytes": peak or None, "processor_seconds": round(earlier + seconds, 3)}
