"""The recurrent highway network against its NumPy recurrence, at several depths."""

from __future__ import annotations

import numpy as np
import pytest
from reference.plain import rhn
from reference.run import draw, run, zero_states

import gatekit
from gatekit import GatekitError
from gatekit.registry import catalogue, load_cell

BATCH, TIME, FEATURES, UNITS = 3, 6, 2, 4


@pytest.mark.parametrize("executor", ["reference", "stacked"])
@pytest.mark.parametrize("depth", [1, 3, 5])
def test_the_layer_computes_what_the_paper_says(depth: int, executor: str) -> None:
    rng = np.random.default_rng(2)
    layer = gatekit.RNN(
        {"defaults": ["rhn"], "depth": depth},
        UNITS,
        return_sequences=True,
        executor=executor,
        dtype="float64",
    )
    layer.build((None, None, FEATURES))
    witness = rhn(depth)
    weights = draw(witness.shapes(FEATURES, UNITS), rng)
    assert set(layer.named_weights) == set(weights)
    for name, value in weights.items():
        layer.named_weights[name].assign(value)
    x = rng.normal(size=(BATCH, TIME, FEATURES))
    start = zero_states(witness.states, BATCH, UNITS)
    expected, _ = run(witness.step, x, start, weights)
    np.testing.assert_allclose(layer(x), expected, rtol=0, atol=1e-12)


def test_the_options_are_the_functions() -> None:
    known = catalogue()
    by_name, by_function = load_cell("rhn", known), load_cell({"function": "rhn"}, known)
    assert by_name.gates == by_function.gates
    assert by_name.equations == by_function.equations
    assert [name for name, _ in by_name.equations] == ["s_1", "s_2", "h"]


def test_a_fresh_layer_carries_more_than_it_transforms() -> None:
    layer = gatekit.RNN({"defaults": ["rhn"], "depth": 2}, UNITS, dtype="float64")
    layer.build((None, None, FEATURES))
    biases = {n: v.numpy() for n, v in layer.named_weights.items() if n.endswith(".bias")}
    assert set(biases) == {f"{g}_{i}.bias" for g in ("candidate", "transform") for i in (1, 2)}
    for name, value in biases.items():
        np.testing.assert_array_equal(value, -2.0 if "transform" in name else 0.0)


@pytest.mark.parametrize("depth", [0, -1, 2.0, True, "3"])
def test_a_depth_is_a_number_of_layers(depth: object) -> None:
    with pytest.raises(GatekitError, match=r"cell\.depth="):
        load_cell({"function": "rhn", "depth": depth}, catalogue())
