"""Output units with projections, and with an average over a history, in every executor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gatekit import OutputUnit, Parameter, Projection, ops

from .layers import agree, inputs_for, layer, states_for
from .problems import assert_close

SMALL = {"units": 4, "features": 3}


class Maps(OutputUnit):
    """``y = a * sigmoid(b) + c + pre + mean of the last three``, with a two-layer map c."""

    reads = ("x",)
    history = {"emitted": 3}
    parameters = {"alpha": Parameter("units", init=0.5)}
    projections = {
        "a": Projection("emitted", first_bias=0.5),
        "b": Projection(["x", "alpha * emitted"], norm={"of": "sum"}),
        "narrow": Projection("emitted", width=2, bias=False, norm={"of": "read"}),
        "c": Projection({"tanh(narrow)": "dense", "a": "diagonal"}),
    }

    def emit(self, pre: Any, a: Any, b: Any, c: Any, alpha: Any, emitted_history: Any) -> Any:
        """Return ``... x units``."""
        mean = ops.mean(emitted_history, axis=-2)
        return a * ops.sigmoid(b) + c + pre + alpha * mean


class Back(OutputUnit):
    """Feeds back ``y = a tanh(b + c)``; b reads the output of the step before, c only the input."""

    feeds_back = True
    parameters = {"alpha": Parameter("units", init=0.5)}
    projections = {
        "a": Projection("emitted"),
        "b": Projection(["x", "alpha * y_prev"], norm={"of": "sum"}),
        "c": Projection("x"),
    }

    def emit(self, a: Any, b: Any, c: Any, alpha: Any) -> Any:
        """Return ``... x units``."""
        return a * ops.tanh(b + c) + alpha


FED_BACK = {
    "name": "fed_back",
    "gates": {"new": {"kind": "tanh", "reads": ["x", "y_prev"]}},
    "equations": {"h": "new"},
    "emits": "h",
}
NOISY: dict[str, Any] = {"dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": {"h": 0.3}}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "stacked": ("stacked", "lstm", {**NOISY, "return_sequences": True}),
    "stacked, last": ("stacked", "gru", {**NOISY, "go_backwards": True}),
    "unroll": ("unroll", "lstm", {**NOISY, "return_sequences": True, "go_backwards": True}),
    "scan": ("scan", "mingru", {"return_sequences": True}),
    "affine": ("affine", "mingru", {}),
    "chunk": ("chunk", "gla", {"return_sequences": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_executor_has_the_values_and_gradients_of_the_reference(case: str) -> None:
    executor, cell, options = CASES[case]
    made = agree(executor, cell, 5, output_unit=Maps(), **SMALL, **options)
    assert "output_unit.c.tanh(narrow)" in made.named_weights


@pytest.mark.parametrize("executor", ["stacked", "unroll"])
def test_one_that_feeds_back_is_in_the_loop_with_its_projections(executor: str) -> None:
    cell = {**FED_BACK, "recurrent_dropout": 0.4}
    made = agree(executor, cell, 5, output_unit=Back(), return_sequences=True, **SMALL)
    hoisted = {node.name: node.hoisted for node in made.cell.nodes[2:]}
    own = {"output_unit.a": False, "output_unit.b": False, "output_unit.c": True}
    assert hoisted == {**own, "y": False}


def test_they_are_what_numpy_computes() -> None:
    """Zoneout makes h of a step another than the state after it, which output units read."""
    rnn = layer("rnn", zoneout={"h": 0.3}, output_unit=Maps(), return_sequences=True, **SMALL)
    plain = layer("rnn", zoneout={"h": 0.3}, return_sequences=True, **SMALL)
    w = {n: v.numpy() for n, v in rnn.named_weights.items()}
    for name, variable in plain.named_weights.items():
        variable.assign(w[name])
    states, x = states_for(rnn), np.asarray(inputs_for(rnn))
    h = np.asarray(plain(x, initial_state={"h": states["h"]}))
    w = {n.removeprefix("output_unit."): v for n, v in w.items()}

    def normal(z: Any) -> Any:
        return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)

    a = h @ w["a.emitted"] + w["a.bias"]
    both = x @ w["b.x"] + (w["alpha"] * h) @ w["b.alpha*emitted"]
    b = w["b.scale"] * normal(both) + w["b.bias"]
    narrow = w["narrow.emitted.scale"] * normal(h @ w["narrow.emitted"])
    c = np.tanh(narrow) @ w["c.tanh(narrow)"] + w["c.a"] * a + w["c.bias"]
    padded = np.concatenate([states["h_history"], h], 1)
    mean = sum(padded[:, k : k + h.shape[1]] for k in range(3)) / 3
    y = a / (1 + np.exp(-b)) + c + x @ w["x"] + w["bias"] + w["alpha"] * mean
    assert_close({"y": rnn(x, initial_state=states)}, {"y": y})


@pytest.mark.parametrize("name", ["mean", "sum", "var", "softmax", "cumsum", "cumax"])
def test_axis_minus_two_is_over_the_steps_of_a_history(name: str) -> None:
    """Functions that keep their argument's shape are summed, so that the result is a vector."""
    function = getattr(ops, name)
    reduces = name in ("mean", "sum", "var")

    def of_steps(history: Any) -> Any:
        value = function(history, axis=-2)
        return value if reduces else ops.sum(value * history, axis=-2)

    def emit(self: Any, emitted_history: Any) -> Any:
        return of_steps(emitted_history)

    unit = type("OverSteps", (OutputUnit,), {"history": {"emitted": 3}, "emit": emit})
    rnn = layer("rnn", output_unit=unit(), return_sequences=True, **SMALL)
    plain = layer("rnn", return_sequences=True, **SMALL)
    x, states = inputs_for(rnn), states_for(rnn)
    h = np.asarray(plain(x, initial_state={"h": states["h"]}))
    padded = np.concatenate([states["h_history"], h], 1)
    windows = np.stack([padded[:, k : k + h.shape[1]] for k in range(3)], 2)
    turned = np.swapaxes(windows, -1, -2)
    by_hand = np.swapaxes(function(turned), -1, -2)
    by_hand = by_hand[..., 0, :] if reduces else (by_hand * windows).sum(-2)
    assert_close({"y": rnn(x, initial_state=states)}, {"y": by_hand})
