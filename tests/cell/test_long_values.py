"""Messages about a cell quote at most 60 characters of what its file has."""

import pytest
from seams import read_cell, swap

from gatekit import GatekitError
from gatekit.registry import catalogue

LONG = "q" + "wertzuiop" * 20


def gate(**changed):
    gates = {"f": {"kind": "forget", **changed}}
    return {"gates": gates, "equations": {"h": "f * h_prev"}, "emits": "h"}


@pytest.mark.parametrize(
    "cell",
    [
        {**gate(), "gates": [LONG]},
        {**gate(), "gates": [{"name": LONG}]},
        {**gate(), "equations": f"h = {LONG}"},
        {**gate(), "equations": [f"h = {LONG}"]},
        {**gate(), "gates": {"f": int("7" * 200)}},
        {**gate(), "gates": {"f": f"forget({LONG})"}},
        gate(reads=LONG),
        gate(reads=[f"{LONG} x"]),
        gate(reads=[[LONG]]),
        gate(reads=["concat(x", f"{LONG})"]),
        gate(initializers={"bias": int("7" * 200)}),
        gate(initializers={"bias": {"value": int("7" * 200)}}),
    ],
)
def test_a_long_value_is_cut(cell):
    with pytest.raises(GatekitError) as refused:
        read_cell(cell, catalogue())
    assert LONG[:70] not in str(refused.value)
    assert "7" * 70 not in str(refused.value)


@pytest.mark.parametrize(("role", "new"), [(LONG, "sigmoid"), ("f", [LONG]), ("f", LONG)])
def test_a_long_swap_is_cut(role, new):
    with pytest.raises(GatekitError) as refused:
        swap(gate(), role, new, catalogue())
    assert LONG[:70] not in str(refused.value).removeprefix(f"swap.{role}: ")
