"""Imported by the fork server: TensorFlow, without what it writes to the terminal meanwhile."""

from __future__ import annotations

import multiprocessing
import os

from . import stopping

if multiprocessing.parent_process() is None:
    # A closing terminal and a cluster tell every process of a group. The server lives until its
    # owner ends, who could not tell otherwise how its runs have ended; they set their own handlers.
    stopping.ignored()

_kept = os.dup(2)
_nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nothing, 2)
try:
    from . import worker as worker
finally:
    os.dup2(_kept, 2)
    os.close(_kept)
    os.close(_nothing)
