"""Files take a plain number in any argument of a function, and keep the type of the signals."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from recurrence.numbers import NUMBERS, cell
from reference.peers import library

from .agreement import jax_agrees, keras_agrees, torch_agrees
from .cases import UNITS, case

TYPED = "flat(modrelu(2, split(a, 2))) + where(a, 1, 2) * clip(1, a, 2) + heaviside(1, h_prev)"


@pytest.mark.parametrize("agrees", [torch_agrees, jax_agrees, keras_agrees])
@pytest.mark.parametrize("number", NUMBERS)
def test_files_compute_what_the_reference_executor_computes(number: str, agrees: Any) -> None:
    agrees(case(cell(number), mask=False))


def typed(to: str, dtype: str) -> tuple[Any, list[Any]]:
    """Return the outputs and the states of a file in this type."""
    gates = {"a": {"kind": "linear", "reads": ["x"]}}
    made, module = case(
        {"name": "own", "gates": gates, "equations": {"h": TYPED}, "emits": "h"}
    ).file(to)
    x = np.ones((2, 3, made.features), dtype)
    if to == "torch":
        torch = library("torch")
        return getattr(module, made.title)().to(getattr(torch, dtype))(torch.from_numpy(x))
    if to == "jax":
        jax = library("jax")
        with jax.enable_x64(dtype == "float64"):
            params = module.init(jax.random.key(0))
            return module.apply({n: w.astype(dtype) for n, w in params.items()}, x)
    own = getattr(module, made.title)(dtype=dtype)
    layer = keras.layers.RNN(own, return_sequences=True, return_state=True, dtype=dtype)
    y, *states = layer(x)
    return y, states


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("to", ["torch", "jax", "keras"])
def test_whole_numbers_take_the_type_of_the_signals(to: str, dtype: str) -> None:
    pytest.importorskip(to, reason=f"{to} is not installed")
    y, states = typed(to, dtype)
    assert y.shape == (2, 3, UNITS)
    types = [getattr(value.dtype, "name", str(value.dtype)) for value in (y, *states)]
    assert {name.removeprefix("torch.") for name in types} == {dtype}
