"""Plain numbers in activations take the type of the tensor beside them."""

import numpy as np
import pytest

import gatekit


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("minimum(1, relu(pre))", lambda p: np.minimum(1.0, np.maximum(p, 0.0))),
        ("maximum(relu(pre), 1)", lambda p: np.maximum(1.0, np.maximum(p, 0.0))),
        ("log(2) * pre", lambda p: np.log(2.0) * p),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_may_stand_first(activation, expected, dtype):
    cell = {
        "name": "numbers",
        "gates": {"unit": {"activation": activation, "reads": ["x"]}},
        "equations": {"h": "unit"},
        "emits": "h",
    }
    layer = gatekit.RNN(cell, 3, return_sequences=True, dtype=dtype, seed=1)
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(dtype)
    y = np.asarray(layer(x))
    weights = {name: np.asarray(w) for name, w in layer.named_weights.items()}
    pre = x @ weights["unit.x"] + weights["unit.bias"]
    np.testing.assert_allclose(y, expected(pre), rtol=1e-5)
