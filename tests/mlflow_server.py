"""A real MLflow server on SQLite, for the test of live tracking."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import processes
import pytest


@contextlib.contextmanager
def started(folder: Path) -> Iterator[str]:
    """Start a server, with its database in a folder, and return its address."""
    pytest.importorskip("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    host, _, port = address.partition(":")
    words = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--host", host]
    words += ["--port", port, "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *words]
    # Its job runner starts a dozen processes, which tracking does not need.
    where = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (
        open(folder / "log.txt", "wb") as log,
        processes.started(command, cwd=folder, env=where, stdout=log, stderr=log) as process,
    ):
        deadline = time.monotonic() + processes.PATIENCE
        while not _answers(f"http://{address}/health"):
            if time.monotonic() > deadline or process.poll() is not None:
                pytest.fail(f"it did not start: {(folder / 'log.txt').read_text()[-2000:]}")
            time.sleep(0.5)
        yield f"http://{address}"
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(processes.PATIENCE)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
