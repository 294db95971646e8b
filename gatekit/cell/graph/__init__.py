"""A cell with its sizes: widths, states, order, stages and weights, for any executor to run."""

from .building import build
from .built import BuiltOutput, BuiltRead, Cell, Node, Norm, State, Weight, shared_reads

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
