"""The cell of a gated DeltaProduct: its options."""

from __future__ import annotations

from typing import Any

import pytest
from seams import BuiltCell as Cell
from seams import build, read_cell, read_output_unit

from gatekit import GatekitError
from gatekit.registry import catalogue


def built(**options: Any) -> Cell:
    """Return the cell with 8 units and 3 features."""
    known = catalogue()
    spec = read_cell({"function": "gated_delta_product", **options}, known)
    return build(spec, 8, 3, read_output_unit("hidden", known))


@pytest.mark.parametrize("steps", [1, 3])
def test_steps_are_corrections_one_after_another(steps: int) -> None:
    cell = built(heads=2, steps=steps)
    corrections = [n.name for n in cell.nodes if n.name.startswith("S")]
    assert corrections == [f"S_{i}" for i in range(1, steps)] + ["S"]
    assert cell.shapes["S"] == (2, 4, 4)
    assert cell.count() == 3 * 8 * (1 + 2 * steps) + 3 * 2 * (1 + steps) + 2 + 2


@pytest.mark.parametrize("option", [{"steps": 0}, {"heads": 1.5}, {"heads": True}])
def test_other_options_are_refused(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(GatekitError, match=rf"cell\.{name}=.* should be an integer from 1"):
        built(**option)
