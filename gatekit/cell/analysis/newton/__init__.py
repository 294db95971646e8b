"""Newton's method for the steps of a cell: where it is cheap, and how many iterations it needs.

`structure` uses the equations to find states whose Jacobian is small for each unit. `stepping` is
a cell's step in NumPy. `iterations` counts the iterations, and computes the largest Lyapunov
exponent. Start with `structure`.

No module here is public.
"""

from .iterations import LENGTHS, MOST, Iterations, at_start, iterations, measurable
from .stepping import Stepping
from .structure import UnitJacobian, analyse

__all__ = [
    "LENGTHS",
    "MOST",
    "Iterations",
    "Stepping",
    "UnitJacobian",
    "analyse",
    "at_start",
    "iterations",
    "measurable",
]
