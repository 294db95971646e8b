"""A cell's step as a list of operations, each of which assigns values.

`lower` makes the list from a built cell. The others read it: `share` (which linear operations are
one product), `equations` (the step as people write it) and `solved` (the list without a loop, if an
analysis found how to solve the states). A new kind of node needs a change of `lower` only. The
nodes of a cell describe it for people, in terms of gates. Start with `ops`.

No module here is public.
"""

from .lower import lower
from .memories import Memories, Memory, MemoryRead, MemoryTerm
from .ops import (
    Apply,
    Drop,
    Hold,
    Linear,
    Norm,
    Op,
    Opaque,
    Program,
    Sum,
    Window,
    outs,
)
from .share import Product, share
from .solved import Before, Block, Largest, Solve, solved

__all__ = [
    "Apply",
    "Before",
    "Block",
    "Drop",
    "Hold",
    "Largest",
    "Linear",
    "Memories",
    "Memory",
    "MemoryRead",
    "MemoryTerm",
    "Norm",
    "Op",
    "Opaque",
    "Product",
    "Program",
    "Solve",
    "Sum",
    "Window",
    "lower",
    "outs",
    "share",
    "solved",
]
