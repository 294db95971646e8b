"""Loads a plugin alone in a fresh process, and reports its changes to that process."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

LIMIT = 60.0
"""Seconds after which a plugin that is still loading is stopped."""


class LoadedAlone(TypedDict):
    """The result of loading a plugin; see `load_alone`."""

    error: str
    registers: list[str] | None
    changed: list[str]


def load_alone(kind: str, source: str) -> LoadedAlone:
    """Load a plugin without any other plugin, and return what happened.

    Args:
        kind: ``gates``, ``output_units``, ``blocks``, ``functions`` or ``tasks``.
        source: the plugin's file, or the name of its module if it is installed.

    Returns:
        ``error``, a message that is empty if the plugin loaded; ``registers``, the names that it
        registers, or None if it did not load or its module does not define the hook (an object may
        define it); ``changed``, what else the plugin changed in its process.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, kind, source],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)},
        )
    except subprocess.TimeoutExpired:
        return {
            "error": f"it is still loading after {LIMIT:.0f} s",
            "registers": None,
            "changed": [],
        }
    try:
        answer: LoadedAlone = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": last, "registers": None, "changed": []}
    return answer


def _loaded(kind: str, source: str) -> LoadedAlone:
    # Import these first, so that the imports of the registry and of tasks are not counted.
    import gatekit.tasks.task
    from gatekit.registry import discovery
    from gatekit.registry.guard import attempt

    assert gatekit.tasks.task
    path = Path(source) if source.endswith(".py") else None
    printed = io.StringIO()

    def load() -> list[str] | None:
        carrier = discovery.import_file(path) if path else importlib.import_module(source)
        hook = getattr(carrier, f"gatekit_{kind}", None)
        return sorted(hook()) if hook is not None else None

    with contextlib.redirect_stderr(printed):
        outcome = attempt(load, path)
    changed = list(outcome.changes)
    if printed.getvalue():
        changed.append(f"printed {printed.getvalue()[:60]!r}")
    changed += [f"imported {name}" for name in ("tensorflow", "keras") if name in sys.modules]
    return {"error": outcome.reason, "registers": outcome.value, "changed": changed}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(_loaded(sys.argv[1], sys.argv[2])) + "\n")
    sys.stdout.flush()
    # A thread of the plugin must not keep the process alive.
    os._exit(0)
