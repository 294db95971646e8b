"""What runs in a run's own process: claim the folder, redirect the log, train, tell the outcome."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

# Imported here, at the top, because the fork server preloads this module: forked runs start with
# TensorFlow imported and nothing executed.
import tensorflow as tf

from gatekit.cell.errors import GatekitError

from . import files, parts
from .environment import environment
from .folder import ClaimedError, RunFolder
from .train import InterruptedRunError, make_deterministic, train

LOG_LIMIT = 16 * 2**20


@dataclass(frozen=True)
class Request:
    """What the parent asks of a worker; plain data, so that it can be sent to any process.

    Attributes:
        terminal: whether to show Keras' progress bar on the parent's terminal as well.
    """

    path: Path
    config: Mapping[str, Any]
    data_hash: str
    plugins: Mapping[str, str]
    threads: int
    terminal: bool


def work(request: Request) -> None:
    """Make one run from claim to result; the outcome is what the folder says.

    The process ends with 0 where the folder tells the outcome, whatever it is.
    """
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _follow_parent(stop)
    folder = RunFolder(request.path)
    try:
        folder.claim()
    except ClaimedError:
        return
    log = request.path / "log.txt"
    _redirect(log, request.terminal)
    try:
        _train(request, folder, stop)
    except InterruptedRunError:
        folder.status("INTERRUPTED", "stopped by a signal")
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        folder.status("FAILED", str(error))
    except tf.errors.ResourceExhaustedError as error:
        traceback.print_exc()
        folder.status("FAILED", f"out of memory: {_first_line(error)}")
    except OSError as error:
        traceback.print_exc()
        folder.status("FAILED", f"input or output: {_first_line(error)}")
    except Exception as error:
        traceback.print_exc()
        folder.status("FAILED", f"{type(error).__name__}: {_first_line(error)}")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _train(request: Request, folder: RunFolder, stop: threading.Event) -> None:
    config = request.config
    folder.write_config(config)
    make_deterministic(request.threads)
    known = parts.load(config["plugins"])
    task = known.task(config["task"])
    folder.write_env(environment(request.plugins, request.threads, config["executor"]))
    verbose = 1 if request.terminal else 2
    result = train(config, task, folder, stop, verbose, known.callbacks(config))
    folder.write_env(environment(request.plugins, request.threads, result["executor"]))
    folder.finish(
        {
            **result,
            "fingerprint": request.path.name,
            "data_hash": request.data_hash,
            "plugins": dict(request.plugins),
        }
    )


class _Both:
    """Writes to the log and to the terminal."""

    def __init__(self, log: TextIO, terminal: TextIO) -> None:
        self.log, self.terminal = log, terminal
        self.encoding = terminal.encoding

    def write(self, text: str) -> int:
        self.terminal.write(text)
        return self.log.write(text)

    def flush(self) -> None:
        self.terminal.flush()
        self.log.flush()

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.log.fileno()


def _redirect(log: Path, terminal: bool) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    shown = os.fdopen(os.dup(1), "w") if terminal else None
    number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(number, 1)
    os.dup2(number, 2)
    os.close(number)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    if shown is not None:
        sys.stdout = _Both(sys.stdout, shown)
    faulthandler.enable(sys.stderr)
    threading.Thread(target=_cap, args=(log,), daemon=True).start()


def _cap(log: Path) -> None:
    while True:
        time.sleep(0.2)
        if log.stat().st_size > LOG_LIMIT:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            files.truncate(log, LOG_LIMIT)
            files.append(log, f"[gatekit: the log is cut at {LOG_LIMIT:,} bytes]")
            return


def _follow_parent(stop: threading.Event) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
