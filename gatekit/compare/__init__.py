"""Load run folders, compare their groups, print and draw the comparison.

The package can be called: ``gatekit.compare("my_study")`` is ``gatekit.compare.compare(...)``.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
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


def __dir__() -> list[str]:
    return sorted(__all__)


class _Callable(ModuleType):
    """A package that is called as its function of the same name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compare the groups of a study with a baseline; see `gatekit.compare.compare`."""
        return __getattr__("compare")(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(__getattr__("compare"))


# `gatekit.compare` is the package, whichever was imported first; so the package can be called.
sys.modules[__name__].__class__ = _Callable
