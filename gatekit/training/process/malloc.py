"""The memory of a run's process: what one step frees, the next one asks for again.

By default the C library of Linux gives the top of its heap back to the kernel whenever enough of it
is free, and asks for large blocks anew each time. A training step then has the kernel clear
hundreds of pages that it had a step ago.
"""

from __future__ import annotations

import contextlib
import ctypes

# From malloc.h of the GNU C library; the largest threshold that it takes is 32 MiB.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGEST = 32 * 2**20
KEPT = 512 * 2**20


def keep_freed() -> bool:
    """Keep up to 512 MiB of freed memory in this process, in blocks of 32 MiB at most.

    Returns:
        Whether this machine's C library did so; others are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # Either of them alone would stop the library from raising the other by itself.
        return bool(mallopt(_MMAP_THRESHOLD, LARGEST) and mallopt(_TRIM_THRESHOLD, KEPT))
    return False
