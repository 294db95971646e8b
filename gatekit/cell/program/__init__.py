"""A cell's step as a list of operations, each of which assigns values.

`lower` makes the list from a built cell. The others read it: `share` (which linear operations are
one product), `equations` (the step as people write it) and `numpy_step` (its values in NumPy). A
new kind of node needs a change of `lower` only. The nodes of a cell describe it for people, in
terms of gates. Start with `ops`.
"""

from .lower import lower
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

__all__ = [
    "Apply",
    "Drop",
    "Hold",
    "Linear",
    "Norm",
    "Op",
    "Opaque",
    "Product",
    "Program",
    "Sum",
    "Window",
    "lower",
    "outs",
    "share",
]
