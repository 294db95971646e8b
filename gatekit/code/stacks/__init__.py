"""Several recurrent layers, or blocks, as one file.

`built` builds a stack; `write` finds the kinds of its layers, each of which becomes one class or
one set of functions; `frames` writes these and the stack into a file. Start with `write.py`.
"""

from __future__ import annotations

from .built import Stack, build_stack
from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "Stack", "build_stack", "write"]
