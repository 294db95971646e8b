"""Reads a cell from plain data into an immutable specification, and swaps its gates.

`reading.read_cell` is the entry point: it checks every key and returns a `CellSpec`, whose
`canonical` form reads back as the same cell. `lookup` finds registered parts by name. `values` and
`numeric` check plain values and the source of a cell, and `limits` checks its size. Start with
`reading.py`.

No module here is public.
"""

from .limits import CELL_KEYS, MAX_EQUATIONS, RESERVED, SECTIONS, check_options
from .lookup import make_initializer
from .reading import merge, read_cell, read_output_unit
from .roles import by_gate, gate_of, gates_and_roles
from .specification import (
    EPSILON,
    OUTPUT,
    OUTPUT_UNIT,
    CellSpec,
    GateSpec,
    OutputUnitSpec,
    Read,
    SignalNorm,
)
from .swapping import SWAP, swap, with_gates
from .values import ABOUT_KEYS, CELL, KEY, SECOND_HAND, UNVERIFIED, WEIGHT_KINDS, read_about

__all__ = [
    "ABOUT_KEYS",
    "CELL",
    "CELL_KEYS",
    "EPSILON",
    "KEY",
    "MAX_EQUATIONS",
    "OUTPUT",
    "OUTPUT_UNIT",
    "RESERVED",
    "SECOND_HAND",
    "SECTIONS",
    "SWAP",
    "UNVERIFIED",
    "WEIGHT_KINDS",
    "CellSpec",
    "GateSpec",
    "OutputUnitSpec",
    "Read",
    "SignalNorm",
    "by_gate",
    "check_options",
    "gate_of",
    "gates_and_roles",
    "make_initializer",
    "merge",
    "read_about",
    "read_cell",
    "read_output_unit",
    "swap",
    "with_gates",
]
