"""Optuna, and its journal of a search."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError
from gatekit.runs import durable


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
    """Return Optuna's storage in a journal.

    Args:
        path: the journal; it is created if it is missing.

    Raises:
        OSError: the journal is not a regular file, or cannot be read or written.
    """
    import optuna
    from optuna.storages import journal

    if os.path.lexists(path):
        durable.opened(path).close()
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
