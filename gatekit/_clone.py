"""In a clone, ``gatekit.plugins`` and ``gatekit.conf`` are beside the package, in a wheel inside.

An editable install is a plain path to the clone, because Python searches the path before it asks
the import hooks of installers: with a hook, a folder named ``gatekit`` in the working folder, such
as the clone itself, would be imported as an empty package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

BESIDE = {f"gatekit.{name}": Path(__file__).parents[1] / name for name in ("plugins", "conf")}


class _Finder(MetaPathFinder):
    """Finds the two packages in the clone; Python asks it if they are not in the package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of one of the two; None for every other module."""
        folder = BESIDE.get(fullname)
        return spec_from_file_location(fullname, folder / "__init__.py") if folder else None


def find_beside() -> None:
    """Find the two packages in the clone from now on."""
    sys.meta_path.append(_Finder())
