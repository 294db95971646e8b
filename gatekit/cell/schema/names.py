"""The keys of a cell, and the names that its parts may have."""

from __future__ import annotations

import keyword

from gatekit.cell.errors import CellError, listed, nearest

from .about import ABOUT_KEYS
from .specification import CellSpec

CELL_KEYS = (
    "name",
    *ABOUT_KEYS,
    "gates",
    "equations",
    "emits",
    "reads",
    "initializers",
    "regularizers",
    "constraints",
    "parameters",
    "constants",
    "inputs",
    "roles",
    "initial",
    "learned_initial_state",
    "zoneout",
    "dropout",
    "recurrent_dropout",
    "norms",
)
SECTIONS = (
    *("gates", "equations", "norms", "parameters", "constants", "inputs"),
    *("roles", "initial", "zoneout", "initializers"),
)
RESERVED = ("x", "pre", "t", "units", "features", "own_prev", "emitted", "y")
MAX_EQUATIONS = 64


def check_names(spec: CellSpec) -> None:
    """Refuse names that expressions cannot read, names that are taken, and roles without a gate.

    Raises:
        CellError: a name is reserved or defined twice, or the gate of a role does not exist.
    """
    sections = {
        "gates": [g.name for g in spec.gates],
        "equations": [n for n, _ in spec.equations],
        "norms": [n for n, _ in spec.norms],
        "parameters": [n for n, _ in spec.parameters],
        "constants": [n for n, _ in spec.constants],
        "inputs": [n for n, _ in spec.inputs],
    }
    seen: dict[str, str] = {}
    for section, members in sections.items():
        for name in members:
            _check_name(name, f"cell.{section}.{name}", spec, seen)
            seen[name] = section
    for role, gate in spec.roles:
        if gate not in sections["gates"]:
            raise CellError(
                f"cell.roles.{role}: {gate!r} is not a gate"
                f"{nearest(gate, sections['gates']) or '.'} Gates: {listed(sections['gates'])}."
            )


def _check_name(name: str, where: str, spec: CellSpec, seen: dict[str, str]) -> None:
    if keyword.iskeyword(name):
        raise CellError(f"{where}: equations cannot read {name!r}, a keyword of Python; rename it")
    if name in RESERVED:
        raise CellError(f"{where}: {name!r} is reserved ({listed(RESERVED)}); choose another name")
    if name.endswith(("_prev", "_history")):
        raise CellError(f"{where}: names that end in _prev or _history are reserved; rename it")
    if name in spec.functions:
        raise CellError(f"{where}: {name!r} is a function of the equation language; rename it")
    if name in seen:
        raise CellError(f"{where}: {name!r} is also in cell.{seen[name]}; a name is defined once")
