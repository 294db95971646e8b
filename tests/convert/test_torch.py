"""torch's modules as composed cells and back, whole stacks too; without torch where it is missing.

The reference of the module is torch itself where the extra ``peers`` is installed; what needs
arrays only is tested without.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from reference.peers import library

from gatekit import RNN, GatekitError, convert

from .test_keras import CLOSE, FEATURES, UNITS, assert_near, sequence

GATES = {"lstm": 4, "gru": 3}


def state_dict(kind: str, *, layers: int = 1, both: bool = False, bias: bool = True) -> Any:
    """Return random arrays under torch's names, in float64."""
    rng, found, rows = np.random.default_rng(0), {}, GATES[kind] * UNITS
    for number in range(layers):
        width = UNITS * (2 if both else 1) if number else FEATURES
        for ending in ("", "_reverse") if both else ("",):
            found[f"weight_ih_l{number}{ending}"] = rng.normal(size=(rows, width))
            found[f"weight_hh_l{number}{ending}"] = rng.normal(size=(rows, UNITS))
            for name in ("bias_ih", "bias_hh") if bias else ():
                found[f"{name}_l{number}{ending}"] = rng.normal(size=rows)
    return found


def outputs(layers: list[Any], x: Any) -> Any:
    """Return what layers give one after another."""
    for layer in layers:
        x = layer(x)
    return x


@pytest.mark.one_in(4)
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True}, {"num_layers": 3, "bias": False}]
)
def test_there_and_back(kind: str, options: dict[str, Any], dtype: str) -> None:
    torch = library("torch")
    torch.manual_seed(0)

    def module() -> Any:
        made = getattr(torch.nn, kind)(FEATURES, UNITS, batch_first=True, **options)
        return made.to(getattr(torch, dtype))

    theirs, x = module(), sequence(dtype)
    expected, _ = theirs(torch.tensor(x))
    layers = convert.from_torch(theirs)
    assert_near(outputs(layers, x), expected.detach(), CLOSE[dtype])
    names = {"LSTM": "lstm", "GRU": "gru_reset_after"}
    for layer in layers:
        made = getattr(layer, "forward_layer", layer)
        assert (made.spec.name, made.variable_dtype) == (names[kind], dtype)

    other = module()
    convert.to_torch(layers, other)
    assert_near(other(torch.tensor(x))[0].detach(), expected.detach(), CLOSE[dtype])
    for name, value in theirs.state_dict().items():
        if name.startswith("weight"):
            np.testing.assert_array_equal(other.state_dict()[name], value)


@pytest.mark.parametrize(
    ("kind", "bias"),
    [
        *(("lstm", True), ("gru", False)),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in (("lstm", False), ("gru", True))),
    ],
)
def test_weights_come_back_bitwise(kind: str, bias: bool) -> None:
    state = state_dict(kind, layers=2, both=True, bias=bias)
    state = {name: value.astype("float32") for name, value in state.items()}
    modules = convert.to_torch(convert.from_torch(state))
    assert set(modules) == set(state)
    for name, value in state.items():
        if name.startswith("weight"):
            np.testing.assert_array_equal(modules[name], value)
    # Two biases have become their sum, but for a GRU's candidate; that sum stays.
    for name in (n for n in state if n.startswith("bias_ih")):
        second = name.replace("ih", "hh")
        np.testing.assert_array_equal(modules[name] + modules[second], state[name] + state[second])
        kept = slice(2 * UNITS, None) if kind == "gru" else slice(0)
        np.testing.assert_array_equal(modules[name][kept], state[name][kept])
        np.testing.assert_array_equal(modules[second][kept], state[second][kept])
    again = convert.to_torch(convert.from_torch(modules))
    for name, value in modules.items():
        np.testing.assert_array_equal(again[name], value)


def test_gates_stand_where_torch_has_them() -> None:
    """By torch's documentation: W_ii|W_if|W_ig|W_io, and W_ir|W_iz|W_in; z is what stays."""
    for kind, order in {
        "lstm": ("input", "forget", "candidate", "output"),
        "gru": ("reset", "update", "candidate"),
    }.items():
        state = state_dict(kind)
        (layer,) = convert.from_torch(state)
        for number, gate in enumerate(order):
            rows = slice(number * UNITS, (number + 1) * UNITS)
            np.testing.assert_array_equal(
                layer.named_weights[f"{gate}.x"], state["weight_ih_l0"][rows].T
            )


def test_a_stack_is_a_sequential_model() -> None:
    layers = convert.from_torch(state_dict("gru", layers=2, both=True), executor="unroll")
    assert layers[0].forward_layer.choice.executor == "unroll"
    model = keras.Sequential([keras.Input((9, FEATURES), dtype="float64"), *layers])
    x = sequence("float64")
    assert_near(model(x), outputs(layers, x), 1e-12)


def test_a_prefix_and_low_precision() -> None:
    state = state_dict("lstm")
    whole = {f"encoder.{name}": v.astype("float16") for name, v in state.items()}
    whole["head.weight"] = np.zeros((2, UNITS))
    (layer,) = convert.from_torch(whole, prefix="encoder.")
    assert layer.variable_dtype == "float32"
    np.testing.assert_array_equal(
        layer.named_weights["input.x"], whole["encoder.weight_ih_l0"][:UNITS].T.astype("float32")
    )
    with pytest.raises(GatekitError, match=r"try prefix='encoder\.'"):
        convert.from_torch(whole)


def test_a_cell_is_a_layer_of_its_own() -> None:
    state = state_dict("gru")
    (one,) = convert.from_torch({name.removesuffix("_l0"): v for name, v in state.items()})
    (other,) = convert.from_torch(state)
    x = sequence("float64")
    np.testing.assert_array_equal(one(x), other(x))


def _changed(kind: str, **changes: Any) -> dict[str, Any]:
    return {n: v for n, v in {**state_dict(kind), **changes}.items() if v is not None}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (3, "but got int"),
        ({}, "no 'weight_ih_l0'"),
        (_changed("lstm", bias_hh_l0=None), "weights are missing: bias_hh_l0"),
        (_changed("lstm", weight_hr_l0=np.zeros((2, UNITS))), "h.shown is weight_hr"),
        (_changed("gru", weight_hh_l0=np.zeros((UNITS, UNITS))), "For nn.RNN, build"),
    ],
)
def test_what_cannot_be_moved_from_torch_is_refused(source: Any, told: str) -> None:
    with pytest.raises(GatekitError, match=told):
        convert.from_torch(source)


def _layer(cell: str, features: int = FEATURES, **options: Any) -> RNN:
    rnn = RNN(cell, UNITS, return_sequences=True, **options)
    rnn.build((None, None, features))
    return rnn


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: _layer("gru"), "use the cell gru_reset_after"),
        (lambda: _layer("peephole"), "can be converted"),
        (list, "got no layer"),
        (lambda: keras.layers.LSTM(UNITS), "but got LSTM"),
        (lambda: _layer("lstm", go_backwards=True), "flip its input instead"),
        (lambda: [_layer("lstm"), _layer("lstm")], "features 3 where 5 is needed"),
        (lambda: [_layer("lstm"), _layer("gru_reset_after", UNITS)], "kind 'gru' where 'lstm'"),
    ],
)
def test_what_cannot_be_moved_to_torch_is_refused(make: Any, told: str) -> None:
    with pytest.raises(GatekitError, match=told):
        convert.to_torch(make())


def test_a_module_of_another_size_is_refused_with_the_right_one() -> None:
    torch = library("torch")
    with pytest.raises(GatekitError, match=r"num_layers=1, bias=True"):
        convert.to_torch(_layer("lstm"), torch.nn.LSTM(FEATURES, UNITS + 1))
