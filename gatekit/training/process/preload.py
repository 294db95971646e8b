"""Imported by the fork server: imports TensorFlow and hides its output on the terminal."""

from __future__ import annotations

import multiprocessing
import os

from gatekit.runs import process

# Set so that the server imports this package; programs that a run starts must not inherit it.
os.environ.pop("PYTHONSAFEPATH", None)
# What your shell or keras.json says about Keras is for your own programs.
os.environ["KERAS_BACKEND"] = "tensorflow"

_SERVER = multiprocessing.parent_process() is None

if _SERVER:
    # A closing terminal and a cluster signal every process of a group. The server must outlive
    # them: it reports how its runs have ended. The runs set their own handlers.
    process.ignore_stop_signals()
    # If the command ends during the import, its queued request must not be served any more.
    process.follow_parent(True)

failure = ""
"""Why TensorFlow cannot be imported. Runs report this, because the server cannot."""

_kept = os.dup(2)
_nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(_nothing, 2)
try:
    from gatekit.training import worker as worker
except Exception as error:
    first = (str(error).strip().splitlines() or [""])[0]
    failure = f"{type(error).__name__}: {first[:300]}"
finally:
    os.dup2(_kept, 2)
    os.close(_kept)
    os.close(_nothing)
    if _SERVER:
        process.follow_parent(False)
