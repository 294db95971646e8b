"""Options for every bundled cell, in which every two levels of two options meet."""

from __future__ import annotations

from functools import cache
from typing import Any

from recurrence.pairwise import Row, covering
from seams import BuiltCell as Cell
from seams import built_cell, swap

from gatekit import GatekitError
from gatekit.registry import cell_names

from .cases import FEATURES, UNITS

# Linear maps of all dense reads; a map that needs equal widths, of those that read a state.
MAPS: dict[str, dict[str, Any]] = {
    **{kind: {} for kind in ("diagonal", "identity", "skew", "orthogonal", "lipschitz", "frozen")},
    "weight_norm": {},
    "low_rank": {"rank": 3},
    "block": {"blocks": 2},
}
OWN = "own"
FACTORS: dict[str, tuple[Any, ...]] = {
    "map": (OWN, *MAPS),
    "norm": (OWN, "read", "sum", "read group", "sum group"),
    "swap": (OWN, "power_law", "cumax", "tanh"),
    "output_unit": ("hidden", "projection", "gated", "mix_last", "memory"),
    "first": (OWN, "given", "learned"),
    "noise": (OWN, "zoneout", "training"),
    "mask": (True, False),
}
IN_CELL = ("zoneout", "learned_initial_state", "dropout", "recurrent_dropout")
CELLS = tuple(cell_names(()))
REGULAR = (
    *("lstm", "cifg", "ran", "nas", "nog", "gt_lstm", "u_lstm", "slim_lstm3"),
    *("layer_norm_lstm", "time_aware_lstm", "original_lstm", "ea_lstm", "r_lstm"),
)


def base(name: str) -> Cell:
    """Return a bundled cell without options."""
    return built_cell(name, UNITS, FEATURES, "hidden", None, ())


@cache
def rows() -> list[Row]:
    """Return the rows of the covering array."""
    return covering(FACTORS)


def with_options(cell: Cell, row: Row) -> dict[str, Any]:
    """Return the arguments of `cases.case` for a cell and the levels of its options."""
    config = cell.spec.canonical()
    gates = config.get("gates", {})
    readers = [name for name, gate in gates.items() if gate.get("reads")]
    for name in readers:
        if row["map"] != OWN:
            entry = {"kind": row["map"], **MAPS[row["map"]]}
            square = row["map"] not in ("low_rank", "weight_norm", "frozen")
            for read, kind in gates[name]["reads"].items():
                if kind in ("dense", {"kind": "dense"}) and (not square or "_prev" in read):
                    gates[name]["reads"][read] = entry
        if row["norm"] != OWN:
            of, *group = row["norm"].split()
            gates[name]["norm"] = {"of": of, **({"group": readers} if group else {})}
    if row["swap"] != OWN and readers:
        config = swap(config, readers[0], row["swap"], cell.spec.catalogue)
    found: dict[str, Any] = {"cell": config, "mask": row["mask"]}
    found["output_unit"] = row["output_unit"]
    states = [state.name for state in cell.states]
    if row["first"] == "learned":
        found["learned_initial_state"] = states
    found["given"] = row["first"] == "given"
    found["training"] = row["noise"] == "training"
    if row["noise"] != OWN:
        found["zoneout"] = {state: 0.1 + 0.1 * place for place, state in enumerate(states)}
        found |= {"dropout": 0.2, "recurrent_dropout": 0.3}
    return found


def accepted(cell: Cell, row: Row) -> Row:
    """Return the row without the levels that change nothing in this cell, or are refused for it."""
    kept = {factor: levels[0] for factor, levels in FACTORS.items()}
    for factor in reversed(FACTORS):
        tried = {**kept, factor: row[factor]}
        if with_options(cell, tried) != with_options(cell, kept) and is_built(cell, tried):
            kept = tried
    return kept


def is_built(cell: Cell, row: Row) -> bool:
    """Return whether gatekit builds a cell with these levels, and can compute it exactly."""
    if row["norm"] != OWN and any(abs(state.initial) > 1e20 for state in cell.states):
        # The norm of a sum with such a number has no digits of the rest.
        return False
    try:
        built(cell, row)
        emitted = built(cell, {**row, "output_unit": "hidden"}).output.width
    except GatekitError:
        return False
    # Where a cell emits another width, this unit needs to be given it.
    return row["output_unit"] != "gated" or emitted == UNITS


def built(cell: Cell, row: Row, units: int = UNITS, features: int = FEATURES) -> Cell:
    """Return a cell with these levels."""
    changed = with_options(cell, row)
    config = {**changed["cell"], **{key: changed[key] for key in IN_CELL if key in changed}}
    return built_cell(config, units, features, changed["output_unit"], None, ())


def regular() -> list[tuple[str, Row]]:
    """Return every row, with one of the cells in which none of its levels is refused."""
    return [(REGULAR[place % len(REGULAR)], row) for place, row in enumerate(rows())]


def others() -> list[tuple[str, Row]]:
    """Return each other bundled cell with a row, of which `accepted` is what it can have."""
    names = [name for name in CELLS if name not in REGULAR]
    return [(name, rows()[i % len(rows())]) for i, name in enumerate(names)]
