"""The works that cells cite, from references.bib in each configuration folder."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError
from gatekit.cell.show.bibtex import parse
from gatekit.cell.show.works import Work
from gatekit.runs.durable import opened

from .cells import config_folders
from .safe_yaml import decoded

FILE = "references.bib"
MAX_BYTES = 1024 * 1024


def bibliography(plugins: Sequence[str] = ()) -> dict[str, Work]:
    """Return the works of ``./conf/references.bib`` and those of plugins and gatekit, by key.

    If several files have a key, the first in the order of `config_folders` wins.

    Args:
        plugins: plugin files, whose configuration folders are searched too.

    Raises:
        ConfigError: a file cannot be read, is too large or is not BibTeX.
    """
    works: dict[str, Work] = {}
    for folder in reversed(config_folders(plugins)):
        path = folder / FILE
        if os.path.lexists(path):
            works |= parse(_read(path, folder), str(path))
    return works


def _read(path: Path, folder: Path) -> str:
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(
                f"{path} is a link that leads out of its folder; copy the file there."
            )
        with opened(path) as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is too large: a bibliography has at most {MAX_BYTES:,} bytes.")
    return decoded(data.removeprefix(codecs.BOM_UTF8), path)
