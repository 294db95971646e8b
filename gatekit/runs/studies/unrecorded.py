"""Ends of runs whose own folder could not be written: one file per study keeps their reasons."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from gatekit.runs import durable
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import UNRECORDED


def note(study: Path, folder: RunFolder, reason: str) -> None:
    """Append why a run failed that could not record it; a full disk may refuse this, too.

    Args:
        study: the study's folder.
        folder: the run's folder, which need not exist.
        reason: what is shown by ``gatekit status`` and ``gatekit failures``.
    """
    record = {"run": folder.path.name, "attempt": folder.state().attempt, "reason": reason}
    with contextlib.suppress(OSError):
        durable.append(study / UNRECORDED, json.dumps(record))


def read(study: Path) -> dict[tuple[str, int], str]:
    """Return the reasons by run and attempt; a later attempt has no entry here."""
    found = {}
    with contextlib.suppress(OSError):
        for line in durable.read(study / UNRECORDED).decode(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                record = json.loads(line)
                found[str(record["run"]), int(record["attempt"])] = str(record["reason"])
    return found
