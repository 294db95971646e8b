"""Choices of executors that were measured on a machine: a file that ``executor=auto`` may read."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError

from .choose import EXECUTORS, MODES

VARIABLE = "GATEKIT_TUNE"

Choices = Mapping[str, Mapping[str, str]]


def from_environment() -> Choices | None:
    """Return the choices in the file that the environment variable GATEKIT_TUNE names, or None.

    Raises:
        ConfigError: the file cannot be used.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ConfigError(
            f"{VARIABLE}={path}: {error.strerror}; unset it, or write the file: "
            f"gatekit tune --to {path}"
        ) from None
    return _read(path, changed)


def read(path: str | Path) -> Choices:
    """Return the choices of a file that ``gatekit tune`` wrote.

    Raises:
        ConfigError: it is not such a file, or is one of another version of gatekit.
    """
    again = f"write it again: gatekit tune --to {path}"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        version, choices = content["gatekit"], content["choices"]
        found = {
            str(key): {"executor": str(c["executor"]), "mode": str(c["mode"])}
            for key, c in choices.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is not a table of gatekit tune ({type(error).__name__}: {error}); {again}"
        ) from None
    if version != __version__:
        raise ConfigError(
            f"{path} was measured with gatekit {version}, and this is {__version__}; {again}"
        )
    for key, choice in found.items():
        if choice["executor"] not in EXECUTORS[1:] or choice["mode"] not in MODES:
            raise ConfigError(f"{path}: {key} has {choice}, which is not a choice; {again}")
    return found


def table(
    machine: Mapping[str, object], choices: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """Return the content of a file.

    Args:
        machine: what was measured on, for the reader.
        choices: by `executors.choose.key`: executor, mode, and what was measured.
    """
    return {
        "gatekit": __version__,
        "machine": dict(machine),
        "choices": {key: dict(choice) for key, choice in choices.items()},
    }


@functools.lru_cache(maxsize=8)
def _read(path: str, changed: int) -> Choices:
    return read(path)
