"""One meaning of a size: options of a gate, constants and arithmetic, wherever a size stands."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import CellError, build, read_cell, read_output_unit

import gatekit
from gatekit import Gate, Parameter, Projection, State, ops

UNITS, FEATURES = 4, 3


class Thin(Gate):
    """A gate of low rank with experts and a narrow state, whose sizes are options."""

    rank: int = 2
    slots: int = 3
    reads = {"x": {"kind": "low_rank", "rank": "rank"}}
    projections = {
        "down": Projection("h_prev", bias=False, width="2 * rank"),
        "up": Projection({"down": "dense", "m_prev": {"kind": "low_rank", "rank": "rank"}}),
        "new": Projection("x", width="slots"),
    }
    parameters = {"scale": Parameter("slots", init=0.7)}
    states = {"m": State("slots")}

    def activate(self, pre: Any, up: Any, new: Any, m_prev: Any, scale: Any) -> Any:
        return ops.sigmoid(pre + up), {"m": 0.5 * m_prev + scale * ops.tanh(new)}


def _cell(gate: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": "own",
        "gates": {"forget": gate, "candidate": {"kind": "candidate", **more.pop("candidate", {})}},
        "equations": {"h": "forget * h_prev + (1 - forget) * candidate"},
        "emits": "h",
        **more,
    }


def _shapes(config: dict[str, Any], known: Any, units: int = UNITS) -> dict[str, tuple[int, ...]]:
    spec = read_cell(config, known)
    cell = build(spec, units, FEATURES, read_output_unit("hidden", known))
    return {weight.name: weight.shape for weight in cell.weights}


@pytest.mark.parametrize(("rank", "slots"), [(1, 3), (2, 1), (4, 5)])
def test_an_option_is_the_size_of_every_part(known: Any, rank: int, slots: int) -> None:
    shapes = _shapes(_cell(Thin(rank=rank, slots=slots)), known)
    assert {n: s for n, s in shapes.items() if n.startswith("forget.")} == {
        "forget.x.left": (FEATURES, rank),
        "forget.x.right": (rank, UNITS),
        "forget.bias": (UNITS,),
        "forget.down.h_prev": (UNITS, 2 * rank),
        "forget.up.down": (2 * rank, UNITS),
        "forget.up.m_prev.left": (slots, rank),
        "forget.up.m_prev.right": (rank, UNITS),
        "forget.up.bias": (UNITS,),
        "forget.new.x": (FEATURES, slots),
        "forget.new.bias": (slots,),
        "forget.scale": (slots,),
    }


def test_the_recurrence_is_that_of_the_equations() -> None:
    layer = gatekit.RNN(_cell(Thin(rank=1)), UNITS, return_sequences=True, seed=1, dtype="float64")
    x = np.random.default_rng(3).normal(size=(2, 5, FEATURES))
    outputs = layer(tf.constant(x))
    w = {name: np.asarray(value) for name, value in layer.named_weights.items()}
    h, m = np.zeros((2, UNITS)), np.zeros((2, 3))
    for t in range(5):
        now = x[:, t]
        up = h @ w["forget.down.h_prev"] @ w["forget.up.down"] + w["forget.up.bias"]
        up += m @ w["forget.up.m_prev.left"] @ w["forget.up.m_prev.right"]
        pre = now @ w["forget.x.left"] @ w["forget.x.right"] + w["forget.bias"]
        forget = 1 / (1 + np.exp(-pre - up))
        candidate = now @ w["candidate.x"] + h @ w["candidate.h_prev"] + w["candidate.bias"]
        m = 0.5 * m + w["forget.scale"] * np.tanh(now @ w["forget.new.x"] + w["forget.new.bias"])
        h = forget * h + (1 - forget) * np.tanh(candidate)
        np.testing.assert_allclose(outputs[:, t], h, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("executor", ["stacked", "auto"])
def test_gradients_are_those_of_the_reference(executor: str) -> None:
    x = tf.constant(np.random.default_rng(5).normal(size=(2, 6, FEATURES)))

    def gradients(executor: str) -> list[Any]:
        given = {"executor": executor, "seed": 1, "dtype": "float64", "return_sequences": True}
        layer = gatekit.RNN(_cell(Thin(rank=2)), UNITS, **given)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(x)))
        return tape.gradient(loss, layer.trainable_weights)

    for one, other in zip(gradients(executor), gradients("reference"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("rank", "expected"),
    [("units // 2", 2), ("features", FEATURES), ("heads", 2), ("heads * units - 1", 7), (5, 5)],
)
def test_the_rank_of_a_read_is_any_size(known: Any, rank: Any, expected: int) -> None:
    reads = {"x": "dense", "h_prev": {"kind": "low_rank", "rank": rank}}
    config = _cell({"kind": "sigmoid", "reads": reads})
    config["constants"] = {"heads": 2} if "heads" in str(rank) else {}
    shapes = _shapes(config, known)
    assert shapes["forget.h_prev.left"] == (UNITS, expected)
    spec = read_cell(config, known)
    assert spec.canonical()["gates"]["forget"]["reads"]["h_prev"]["rank"] == rank
    assert read_cell(spec.canonical(), known) == spec


def test_units_are_those_of_the_gate_in_what_it_owns(known: Any) -> None:
    class Narrow(Gate):
        width: int = 2
        projections = {"half": Projection("x", width="units // 2")}
        states = {"m": State("units + 1")}
        reads = ()
        bias = False

        def activate(self, half: Any, m_prev: Any) -> Any:
            value = ops.repeat(half, 2) + ops.mean(m_prev)
            return value, {"m": 0.5 * m_prev}

    config = {
        "gates": {"g": Narrow(units="2 * width", width=3)},
        "equations": {"h": "0.5 * h_prev + sum(g)"},
        "emits": "h",
    }
    cell = build(read_cell(config, known), 8, FEATURES, read_output_unit("hidden", known))
    shapes = {weight.name: weight.shape for weight in cell.weights}
    assert shapes["g.half.x"] == (FEATURES, 3)
    assert {state.name: state.width for state in cell.states}["g.m"] == 7


def test_a_saved_layer_keeps_the_size_as_it_was_written(tmp_path: Any) -> None:
    reads = {"x": "dense", "h_prev": {"kind": "low_rank", "rank": "units // 2"}}
    layer = gatekit.RNN(_cell({"kind": "sigmoid", "reads": reads}), UNITS, seed=1)
    model = keras.Sequential([keras.Input((5, FEATURES)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(2, 5, FEATURES)).astype("float32")
    np.testing.assert_array_equal(model(x), again(x))
    assert again.layers[0].get_config() == layer.get_config()


@pytest.mark.parametrize("rank", ["0", "units - 4", "units / 3", "rang", "units // 0", "units +"])
def test_a_wrong_size_is_refused_at_its_place(known: Any, rank: str) -> None:
    reads = {"h_prev": {"kind": "low_rank", "rank": rank}}
    with pytest.raises((CellError, gatekit.GatekitError), match=r"cell\.gates\.forget\.reads"):
        _shapes(_cell({"kind": "sigmoid", "reads": reads}), known)


def test_a_constant_that_is_only_a_rank_is_used_and_goes_with_its_gate(known: Any) -> None:
    reads = {"h_prev": {"kind": "low_rank", "rank": "thin"}}
    config = _cell({"kind": "sigmoid", "reads": reads}, constants={"thin": 2})
    assert _shapes(config, known)["forget.h_prev.left"] == (UNITS, 2)
    layer = gatekit.RNN(config, UNITS, swap={"forget": {"kind": "sigmoid", "reads": ["x"]}})
    assert layer.spec.constants == ()
