"""A cell's code: one self-contained file in torch, JAX, Keras or NumPy, from the built cell.

Start with `generate.py`. The package can be called: ``gatekit.code("gru", to="jax")`` is
``gatekit.code.code(...)``.
"""

from __future__ import annotations

import inspect
import sys
from types import ModuleType
from typing import Any

from .generate import FRAMEWORKS, Generated, generate
from .given import code

__all__ = ["FRAMEWORKS", "Generated", "code", "generate"]


class _Callable(ModuleType):
    """A package that is called as its function of the same name."""

    def __call__(self, *args: Any, **options: Any) -> str:
        """Return a cell as a file of another framework; see `gatekit.code.code`."""
        return code(*args, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(code)


sys.modules[__name__].__class__ = _Callable
