"""Cells for the tests of how a cell is shown: bundled ones, changed as a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import seams
from seams import BuiltCell as Cell
from seams import Catalogue, swap

from gatekit.registry import catalogue, cell_config

BUNDLED = sorted(path.stem for path in (Path(__file__).parents[2] / "conf/cell").glob("*.yaml"))

# Each has something that the others have not; the rest of the zoo need not meet every option.
FEW = ("cifg", "gru_reset_after", "lstm", "mingru", "mlstm", "on_lstm", "peephole", "rhn", "slstm")


def cell(
    source: str,
    /,
    *,
    units: int = 8,
    features: int = 4,
    output_unit: Any = "hidden",
    swaps: Mapping[str, Any] | None = None,
    extra: Catalogue | None = None,
    **changes: Any,
) -> Cell:
    """Return a bundled cell, changed: members of mappings such as ``gates`` are replaced."""
    known = extra or catalogue()
    config = cell_config(source, known)
    for key, value in changes.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, Mapping) else value
    for role, gate in (swaps or {}).items():
        config = swap(config, role, gate, known)
    return seams.cell(config, units, features, output_unit, known)
