"""Packages that can be called: ``gatekit.compare(...)`` is ``gatekit.compare.compare(...)``."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that is called as its function of the same name."""

    @property
    def _function(self) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function; see its own documentation."""
        return self._function(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)


def make_callable(package: str) -> None:
    """Let an imported package be called as its function of the same name.

    Whichever was imported first, ``gatekit.NAME`` is then the package, and calls work.

    Args:
        package: the package's full name, its ``__name__``.
    """
    sys.modules[package].__class__ = _Callable
