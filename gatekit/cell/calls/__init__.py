"""Refuses wrong calls from Python, and shows what to write: arguments, and names.

Start with `remedied` in `arguments`.

No module here is public.
"""

from __future__ import annotations

from .arguments import REQUIRED, constructed, remedied, unknown_argument
from .border import border, spoken_as
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

__all__ = [
    "REQUIRED",
    "ArgumentError",
    "MissingAttributeError",
    "Named",
    "Rows",
    "UnknownNameError",
    "border",
    "constructed",
    "make_callable",
    "refuse_attribute",
    "refuse_name",
    "remedied",
    "spoken_as",
    "unknown_argument",
]
