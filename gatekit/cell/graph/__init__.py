"""A cell with its sizes: widths, states, order, stages and weights, ready for any executor.

`building.build` runs the steps in order and serves as a table of contents; `cell` defines the
result, a `Cell` of `Node`s, `State`s and `Weight`s. Start with `building.py`.

No module here is public.
"""

from .building import build
from .cell import BuiltOutput, BuiltRead, Cell, Node, Norm, State, Weight, shared_reads

__all__ = [
    "BuiltOutput",
    "BuiltRead",
    "Cell",
    "Node",
    "Norm",
    "State",
    "Weight",
    "build",
    "shared_reads",
]
