"""Load run folders, compare their groups, print and draw the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import compare
    from .study import load

__all__ = ["compare", "load"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that importing the package does not import NumPy.
    if name == "compare":
        from .comparison import compare

        return compare
    if name == "load":
        from .study import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
