"""Load run folders, compare their groups, print and draw the comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .notebook import compare, load

__all__ = ["compare", "load"]


def __getattr__(name: str) -> Any:
    # Imported on first use, so that importing the package does not import NumPy.
    if name in __all__:
        from . import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
