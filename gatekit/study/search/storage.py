"""Optuna, and its journal of a search, which survives a crash in the middle of a write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from gatekit.cell.errors import ConfigError
from gatekit.runs import durable

_BLOCK = 1 << 16


def import_optuna() -> Any:
    """Return the module of Optuna, which is silent.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        raise ConfigError(
            "hydra/sweeper=optuna needs Optuna: type pip install 'optuna>=5.0', "
            "or use hydra/sweeper=random."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def storage(path: Path) -> Any:
    """Return Optuna's storage in a journal; an incomplete last line is removed.

    Args:
        path: the journal; it is created if it is missing.

    Raises:
        OSError: the journal is not a regular file, or cannot be read or written.
    """
    import optuna
    from optuna.storages import journal

    class Lock(journal.JournalFileSymlinkLock):  # type: ignore[misc,unused-ignore]
        """A lock that removes an incomplete last line, which only a dead process leaves behind."""

        def acquire(self) -> bool:
            held: bool = super().acquire()
            cut(path)
            return held

    if os.path.lexists(path):
        durable.opened(path).close()
    backend = journal.JournalFileBackend(str(path), lock_obj=Lock(str(path)))
    return optuna.storages.JournalStorage(backend)


def cut(path: Path) -> None:
    """Remove an incomplete last line from a file."""
    with durable.opened(path) as file:
        end = whole(file)
        torn = file.seek(0, os.SEEK_END) > end
    if torn:
        durable.truncate(path, end)


def whole(file: BinaryIO) -> int:
    """Return the offset after the last line end of a file, 0 if it has none."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK)
        file.seek(start)
        place = file.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0
