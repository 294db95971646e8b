"""`layer` and `layers` in a stack: constants of a cell that reads them, counted from 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import build_stack, read_block, read_cell, read_output_unit

import gatekit
from gatekit import Gate, ops

UNITS, FEATURES = 3, 2


class Floored(Gate):
    """A forget gate with a floor that rises with depth."""

    def activate(self, pre: Any, layer: Any, layers: Any) -> Any:
        floor = 0.5 * layer / layers
        return floor + (1 - floor) * ops.sigmoid(pre)


def _cell(gate: Any = None, floor: str = "0.5 * layer / layers") -> dict[str, Any]:
    return {
        "name": "deep",
        "gates": {"g": gate or {"kind": "sigmoid", "reads": ["x"]}, "k": {"kind": "candidate"}},
        "equations": {
            "f": f"{floor} + (1 - ({floor})) * g" if gate is None else "1 * g",
            "h": "f * h_prev + (1 - f) * k",
        },
        "emits": "h",
    }


def _stack(config: dict[str, Any], known: Any, count: int) -> Any:
    spec, unit = read_cell(config, known), read_output_unit("hidden", known)
    sizes = {"units": UNITS, "features": FEATURES, "width": UNITS}
    return build_stack([spec] * count, unit, read_block("plain", known), **sizes)


@pytest.mark.parametrize("gate", [None, Floored()], ids=["equation", "gate"])
def test_each_layer_has_its_number_and_computes_with_it(known: Any, gate: Any) -> None:
    x = np.random.default_rng(1).normal(size=(2, 5, FEATURES))
    for number, cell in enumerate(_stack(_cell(gate), known, 3).cells, 1):
        assert dict(cell.spec.constants) == {"layer": number, "layers": 3}
        given = {"seed": 1, "dtype": "float64", "return_sequences": True}
        layer = gatekit.RNN(cell.spec, UNITS, **given)
        now = x if number == 1 else np.concatenate([x, x[..., :1]], axis=-1)
        outputs = layer(tf.constant(now))
        w = {name: np.asarray(value) for name, value in layer.named_weights.items()}
        h, floor = np.zeros((2, UNITS)), 0.5 * number / 3
        for t in range(5):
            pre = now[:, t] @ w["g.x"] + w["g.bias"]
            pre += h @ w["g.h_prev"] if "g.h_prev" in w else 0
            forget = floor + (1 - floor) / (1 + np.exp(-pre))
            k = np.tanh(now[:, t] @ w["k.x"] + h @ w["k.h_prev"] + w["k.bias"])
            h = forget * h + (1 - forget) * k
            np.testing.assert_allclose(outputs[:, t], h, rtol=1e-13, atol=1e-15)
        config = layer.get_config()
        assert config["cell"]["constants"] == {"layer": number, "layers": 3}


def test_one_layer_is_the_first_of_one(known: Any) -> None:
    layer = gatekit.RNN(_cell(), UNITS)
    layer.build((None, None, FEATURES))
    assert dict(layer.cell.constants)["layer"] == dict(layer.cell.constants)["layers"] == 1


def test_a_cell_that_reads_neither_is_the_same_in_every_layer(known: Any) -> None:
    spec = read_cell(_cell(floor="0.1"), known)
    for cell in _stack(_cell(floor="0.1"), known, 2).cells:
        assert cell.spec == spec
        assert cell.spec.constants == ()


def test_a_size_may_depend_on_depth(known: Any) -> None:
    gate = {
        "kind": "sigmoid",
        "reads": {"h_prev": {"kind": "low_rank", "rank": "layers - layer + 1"}},
    }
    cells = _stack(_cell(gate), known, 3).cells
    shapes = [{w.name: w.shape for w in cell.weights}["g.h_prev.left"] for cell in cells]
    assert shapes == [(UNITS, 3), (UNITS, 2), (UNITS, 1)]


def test_a_name_of_the_cell_comes_first(known: Any) -> None:
    config = {**_cell(), "constants": {"layer": 7}}
    for cell in _stack(config, known, 2).cells:
        assert dict(cell.spec.constants) == {"layer": 7, "layers": 2}
