"""Several recurrent layers, or blocks, as one file.

`built` has a stack with its sizes; `write` finds the kinds of its layers, each of which becomes one
class or one set of functions; `frames` puts these and the stack together. Start with `write.py`.
"""

from __future__ import annotations

from .built import Stack, build_stack
from .frames import FRAMES
from .write import write

__all__ = ["FRAMES", "Stack", "build_stack", "write"]
