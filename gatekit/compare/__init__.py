"""Load run folders, compare their groups, print and draw the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
