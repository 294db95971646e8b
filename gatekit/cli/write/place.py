"""The origin of a registered object, short enough for a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gatekit.cell.errors import shown


def place(origin: Any) -> str:
    """Return the distribution with its version, or the file, of an `Origin` of the registry."""
    if origin.distribution:
        return f"{origin.distribution} {origin.version or ''}".strip()
    return file_place(origin.path) if origin.path else str(origin.plugin)


def file_place(path: Path | str) -> str:
    """Return ``gatekit`` for a bundled file, else the shorter of absolute and relative path."""
    import gatekit.conf
    from gatekit.registry.discovery import is_bundled

    file = Path(path).resolve()
    configurations = Path(gatekit.conf.__file__ or "").resolve().parent
    if is_bundled(file) or file.is_relative_to(configurations):
        return "gatekit"
    return shown(file)
