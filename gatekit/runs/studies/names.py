"""The name of a study, and of the files in its folder that other packages ask for."""

from __future__ import annotations

import re

from gatekit.cell.errors import ConfigError

TUNE = "tune.json"
"""The table of executors that were measured for the study's cells."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def study_name(name: str) -> str:
    """Return a study's name if it can be a folder's.

    Raises:
        ConfigError: it could leave the folder, or could not be typed.
    """
    if not isinstance(name, str) or not _NAME.match(name) or name.endswith("."):
        raise ConfigError(
            f"study={name!r} cannot be a folder's name: use letters, digits, '.', '_' and '-', "
            "100 at most, beginning with a letter or digit."
        )
    return name
