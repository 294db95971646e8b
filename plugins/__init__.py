"""The plugins that gatekit brings, one folder per kind; a suite of tasks has a folder inside it.

The folders are part of the search path, so each plugin is imported as ``gatekit.plugins.NAME``.
"""

from pathlib import Path
from pkgutil import extend_path

# An editable install has the clone in sys.path: as plain `plugins`, do not hide your ./plugins.
__path__ = extend_path(__path__, __name__)

FOLDERS = tuple(
    folder
    for pattern in ("*", "*/*")
    for folder in sorted(Path(__file__).parent.glob(pattern))
    if folder.is_dir() and not folder.name.startswith(("_", ".")) and any(folder.glob("*.py"))
)

__path__ += [str(folder) for folder in FOLDERS]
