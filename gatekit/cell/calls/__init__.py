"""Refuses wrong calls from Python, and shows what to write: arguments, names, commands as calls.

Start with `remedied` in `arguments`.
"""

from __future__ import annotations

from .arguments import OTHER_ARGUMENTS, REQUIRED, constructed, meant_argument, remedied
from .border import border
from .names import (
    ArgumentError,
    MissingAttributeError,
    Named,
    Rows,
    UnknownNameError,
    make_callable,
    refuse_attribute,
    refuse_name,
)
from .python import in_python, python_words

__all__ = [
    "OTHER_ARGUMENTS",
    "REQUIRED",
    "ArgumentError",
    "MissingAttributeError",
    "Named",
    "Rows",
    "UnknownNameError",
    "border",
    "constructed",
    "in_python",
    "make_callable",
    "meant_argument",
    "python_words",
    "refuse_attribute",
    "refuse_name",
    "remedied",
]
