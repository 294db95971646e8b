"""``swap=`` of the layers, and roles as other names of gates in what takes a gate's name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from refused import at
from seams import CellError, plan

import gatekit
from gatekit import BlockLayer, Cell, GatekitError

MAKERS: dict[str, Any] = {
    "RNN": lambda **options: gatekit.RNN("gru", 4, seed=1, **options),
    "Cell": lambda **options: Cell("gru", 4, seed=1, **options),
    "BlockLayer": lambda **options: BlockLayer("modern", "gru", 4, seed=1, **options),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("power_law", ["swap.forget=power_law"]),
        ({"kind": "power_law", "eps": 0.5}, ["swap.forget.kind=power_law", "swap.forget.eps=0.5"]),
    ],
)
def test_a_layer_takes_what_a_run_takes(maker: str, gate: object, words: list[str]) -> None:
    (run,) = plan(["cell=gru", "units=4", *words]).runs
    for role in ("forget", "update"):
        assert MAKERS[maker](swap={role: gate}).spec.canonical() == run.config["cell"]


@pytest.mark.parametrize("maker", MAKERS)
def test_a_gate_under_both_names_is_refused(maker: str) -> None:
    with pytest.raises(CellError, check=at("swap.update")):
        MAKERS[maker](swap={"forget": "tanh", "update": "tanh"})


@pytest.mark.parametrize("function", [gatekit.show, gatekit.diagram, gatekit.code])
@pytest.mark.parametrize("gate", ["power_law", {"activation": "tanh(pre)"}])
def test_functions_take_the_swap_of_a_layer(function: Any, gate: object) -> None:
    layer = gatekit.RNN("gru", 4, swap={"forget": gate})
    text = str(function("gru", units=4, swap={"forget": gate}))
    # What a gate adds to the cell without it is unknown to a layer.
    assert re.sub("swapped gates add .*\n", "", text) == str(function(layer))
    with pytest.raises(GatekitError, check=at("swap.update")):
        function("gru", swap={"forget": gate, "update": gate})


def built(**options: Any) -> gatekit.RNN:
    layer = gatekit.RNN("gru", 4, seed=1, **options)
    layer.build((None, None, 3))
    return layer


def test_a_weight_is_found_by_the_role_of_its_gate() -> None:
    weights = built().named_weights
    assert weights["forget.x"] is weights["update.x"]
    assert weights.get("forget.h_prev") is weights["update.h_prev"]
    assert "forget.bias" in weights
    assert "forget.nothing" not in weights
    assert weights.get("forget.nothing", 3) == 3
    assert "forget.x" not in set(weights)
    with pytest.raises(KeyError, match="there is no weight 'forget"):
        weights["forget.nothing"]
    weights["forget.bias"].assign(np.ones(4))
    np.testing.assert_array_equal(weights["update.bias"], np.ones(4))


def test_the_mapping_of_a_layer_may_use_roles() -> None:
    by_role, by_name = (
        built_spec({"defaults": ["gru"], "gates": {name: {"bias": False}}})
        for name in ("forget", "update")
    )
    assert by_role == by_name


def built_spec(cell: dict[str, Any]) -> Any:
    return gatekit.RNN(cell, 4).spec
