"""Several recurrent layers, or blocks, as one file.

`built` builds a stack; `write` finds the kinds of its layers, each of which becomes one class or
one set of functions; `around` writes what a model has around its layers; `frames` writes all of it
into a file. Start with `write.py`.

No module here is public.
"""

from __future__ import annotations

from .built import Around, Stack, build_stack
from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "Around", "Stack", "build_stack", "write"]
