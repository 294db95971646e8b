"""Whether a run goes on from a checkpoint, begins, or is refused because something has changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from gatekit.cell.errors import RunError
from gatekit.cell.terminal import printable
from gatekit.runs.checkpoint import Checkpoint, DamagedError
from gatekit.runs.folder import RunFolder
from gatekit.runs.names import CHECKPOINT

SETTINGS = ("threads", "executor", "jit")
"""Resolved once: an attempt goes on with those of the first, whatever it is asked for."""


def checkpoint_of(folder: RunFolder) -> Checkpoint | None:
    """Return the checkpoint to go on from, None where the run begins.

    A damaged one is set aside, and the log reports it.

    Raises:
        RunError: another version of gatekit wrote it; it stays.
    """
    try:
        return folder.checkpoint()
    except DamagedError as damage:
        folder.set_aside()
        sys.stdout.write(
            f"checkpoint.bin is damaged: {damage}. It is kept under attempts/; the run begins "
            "again.\n"
        )
        return None


def agreed(
    checkpoint: Checkpoint, now: Mapping[str, Any], folder: RunFolder, allow_changed: bool
) -> tuple[dict[str, Any], str | None]:
    """Return the settings to go on with, and what is to be remarked if something has changed.

    Args:
        checkpoint: what there is to go on from.
        now: versions, machine and settings, as they are here.
        folder: the run's folder, for the message.
        allow_changed: go on although something has changed, with the threads of now.

    Raises:
        RunError: something has changed that settings cannot put right; the checkpoint stays.
    """
    before = checkpoint.made_with
    settings = {key: before.get(key, now[key]) for key in SETTINGS}
    if allow_changed:
        settings["threads"] = now["threads"]
        settings["jit"] = settings["jit"] if now["jit"] == "auto" else now["jit"]
    changed = printable("; ".join(changes(before, {**now, **settings})))
    position = checkpoint.position
    place = f"after epoch {position['epoch']}, step {position['step']}"
    if changed and not allow_changed:
        raise RunError(
            f"resume refused: continued {place}, the run would not end with the numbers of one "
            f"that was never interrupted. {changed}. Type allow_changed=true retry=failed to "
            f"continue anyway, or delete {folder.path / CHECKPOINT} and type retry=failed to "
            "begin again."
        )
    sys.stdout.write(f"continues {place}{', although changed: ' + changed if changed else ''}.\n")
    return settings, f"continued {place} although changed: {changed}" if changed else None


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what differs, as ``tensorflow was 2.21.0 and is now 2.22.0``."""
    return [
        f"{key} was {before.get(key)} and is now {now.get(key)}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]
