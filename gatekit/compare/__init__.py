"""Load run folders, compare their groups, print and draw the comparison.

Start with `comparison.py`; docs/architecture.md describes each folder.

The package can be called: ``gatekit.compare("my_study")`` is ``gatekit.compare.compare(...)``.

Public: the names in `__all__`. The modules are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatekit.cell.calls import make_callable

if TYPE_CHECKING:
    from .compared import compare
    from .loaded import load

__all__ = ["compare", "load"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that importing the package does not import NumPy.
    if name == "compare":
        from .compared import compare

        return compare
    if name == "load":
        from .loaded import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


make_callable(__name__)
