"""A plain number may stand in any argument of a function, and takes the type of the signals."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from refused import at
from seams import FUNCTIONS

import gatekit
from gatekit import GatekitError

from .numbers import ELEMENTWISE, NUMBERS, cell, expected

SEVERAL = [name for name, function in ELEMENTWISE.items() if function.arity > 1]
OVER_UNITS = [name for name, function in FUNCTIONS.items() if function.kind != "elementwise"]
DIGITS = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}
EXECUTORS = ("reference", "stacked", "unroll", "affine", "scan")


@pytest.mark.parametrize("dtype", DIGITS)
@pytest.mark.parametrize("number", [0.3, 2, -1])
@pytest.mark.parametrize("name", SEVERAL)
def test_a_function_takes_numbers_beside_tensors(name: str, number: Any, dtype: str) -> None:
    function = ELEMENTWISE[name]
    rng = np.random.default_rng(0)
    for plain in product([True, False], repeat=function.arity):
        if len(set(plain)) < 2:
            continue
        arrays = [number if p else rng.normal(size=(3, 4)).astype(dtype) for p in plain]
        found = function(*(a if p else tf.constant(a) for p, a in zip(plain, arrays, strict=True)))
        assert found.dtype == dtype
        np.testing.assert_allclose(found, function(*arrays), DIGITS[dtype], DIGITS[dtype])


@pytest.mark.parametrize("number", [0.3, 2])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_function_of_numbers_alone_is_a_number(name: str, number: Any) -> None:
    function = ELEMENTWISE[name]
    found = function(*[number] * function.arity)
    assert isinstance(found, (int, float))
    np.testing.assert_allclose(found, function(*[np.array([float(number)])] * function.arity)[0])


@pytest.mark.parametrize(
    ("number", "dtype", "executor"),
    [
        *((number, "float64", executor) for number in NUMBERS[:2] for executor in EXECUTORS),
        *((NUMBERS[2], dtype, "reference") for dtype in ("float32", "float64")),
        *((NUMBERS[0], dtype, "stacked") for dtype in ("float32", "mixed_float16")),
    ],
)
def test_every_executor_computes_them(number: str, dtype: str, executor: str) -> None:
    options = {"executor": executor, "dtype": dtype, "seed": 1, "return_sequences": True}
    layer = gatekit.RNN(cell(number), 4, **options)
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    y = np.asarray(layer(x), "float64")
    weights = {name: np.asarray(w, "float64") for name, w in layer.named_weights.items()}
    close = {"float64": 1e-12, "float32": 1e-5}.get(dtype, 5e-3)
    np.testing.assert_allclose(y, expected(number, x, weights), close, close)


@pytest.mark.parametrize("number", ["0.3", "-units", "sqrt(2)"])
@pytest.mark.parametrize("name", OVER_UNITS)
def test_a_number_has_no_units_and_is_no_matrix(name: str, number: str) -> None:
    function = FUNCTIONS[name]
    signals = ["x", "2"] if function.static else ["x", "h_prev"][: function.arity]
    for place in {*range(function.arity)} - {*function.static}:
        call = f"{name}({', '.join([*signals[:place], number, *signals[place + 1 :]])})"
        config = {
            "name": "own",
            "gates": {"a": {"kind": "linear", "reads": ["x"]}},
            "equations": {"h": f"a * sum({call}) + h_prev"},
            "emits": "h",
        }
        with pytest.raises(GatekitError, check=at("cell.equations.h", names=(f"{name}(",))):
            gatekit.RNN(config, 4)(np.zeros((2, 3, 4)))
