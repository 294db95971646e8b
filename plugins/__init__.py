"""The plugins that gatekit brings, one folder per kind.

The folders are part of the search path, so each plugin is imported as ``gatekit.plugins.NAME``.
"""

from pathlib import Path

FOLDERS = tuple(
    folder
    for folder in sorted(Path(__file__).parent.iterdir())
    if folder.is_dir() and not folder.name.startswith(("_", "."))
)

__path__ += [str(folder) for folder in FOLDERS]
