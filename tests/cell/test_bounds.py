"""Bounds of gates, by interval arithmetic over their expressions."""

import math
from dataclasses import replace

import pytest
from seams import bounds, build, read_cell, read_output_unit
from seams import language_ops as ops

from gatekit import Function
from gatekit.registry import catalogue, load_cell

INFINITE = (-math.inf, math.inf)


def built(gates):
    known = catalogue()
    signals = " + ".join(["h_prev", *gates])
    config = {"name": "one", "gates": gates, "equations": {"h": signals}, "emits": "h"}
    return build(read_cell(config, known), 4, 3, read_output_unit("hidden", known))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("sigmoid(pre)", (0, 1)),
        ("tanh(pre)", (-1, 1)),
        ("1 - sigmoid(pre)", (0, 1)),
        ("-tanh(pre)", (-1, 1)),
        ("2 * sigmoid(pre) - 1", (-1, 1)),
        ("tanh(pre) / -2", (-0.5, 0.5)),
        ("sigmoid(pre) * tanh(pre)", (-1, 1)),
        ("relu(pre)", (0, math.inf)),
        ("minimum(relu(pre), 6)", (0, 6)),
        ("maximum(tanh(pre), 0)", (0, 1)),
        ("log_sigmoid(pre)", (-math.inf, 0)),
        ("pre", INFINITE),
        ("0 * pre", (0, 0)),
        ("sigmoid(pre) ** 0.5", None),
        ("clip(pre, -2, 3)", (-2, 3)),
        ("clip(tanh(pre), 0, 3)", (0, 1)),
        ("where(pre, sigmoid(pre), -2)", (-2, 1)),
        ("sign(pre)", (-1, 1)),
        ("expm1(relu(pre))", (-1, math.inf)),
        ("1 - stop(sigmoid(pre))", (0, 1)),
        ("log1p(pre)", None),
        ("gelu(pre)", None),
        ("1 / sigmoid(pre)", None),
    ],
)
def test_of_an_expression(activation, expected):
    cell = built({"only": {"activation": activation, "reads": ["x"]}})
    assert bounds(cell, "only") == expected


def test_a_gate_that_reads_another_has_the_bounds_that_follow():
    cell = built({"forget": {"kind": "forget"}, "input": {"kind": "coupled"}})
    assert bounds(cell, "input") == (0, 1)


def test_a_gate_that_needs_one_without_bounds_is_not_told():
    config = {
        "forget": {"activation": "gelu(pre)", "reads": ["x"]},
        "input": {"kind": "coupled"},
    }
    assert bounds(built(config), "input") is None


def test_a_function_of_a_plugin_has_the_bounds_of_what_it_consists_of():
    known = catalogue()
    half = Function("half", 1, compose=lambda x: ops.sigmoid(x) / 2)
    between = Function("between", 2, compose=lambda x, n: ops.clip(x, -n, n), static=(1,))
    by_width = Function("by_width", 1, compose=lambda x: x * x.shape[-1])
    own = {f.name: f for f in (half, between, by_width)}
    known = replace(known, functions={**known.functions, **own})

    def of(activation):
        gates = {"only": {"activation": activation, "reads": ["x"]}}
        config = {"name": "one", "gates": gates, "equations": {"h": "only"}, "emits": "h"}
        cell = build(read_cell(config, known), 4, 3, read_output_unit("hidden", known))
        return bounds(cell, "only")

    assert of("1 - half(pre)") == (0.5, 1)
    assert of("half(half(pre))") == (0, 0.5)
    assert of("between(pre, 3) + 1") == (-2, 4)
    assert of("half(pre) * half(2 * pre)") == (0, 0.25)
    assert of("by_width(pre)") is None


def test_gates_of_cells():
    known = catalogue()
    unit = read_output_unit("hidden", known)
    lstm = build(load_cell("lstm", known), 4, 3, unit)
    found = {name: bounds(lstm, name) for name in lstm.gate_expressions}
    assert found == {"input": (0, 1), "forget": (0, 1), "output": (0, 1), "candidate": (-1, 1)}
    janet = build(load_cell("janet", known), 4, 3, unit)
    assert bounds(janet, "forget") == INFINITE
