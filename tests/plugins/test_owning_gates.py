"""The bundled gates that own projections and states, against a NumPy LSTM with their equations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

import gatekit

Array = np.ndarray
Weights = dict[str, Array]

UNITS, FEATURES, STEPS = 3, 2, 5


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _pre(w: Weights, gate: str, x: Array, h: Array) -> Array:
    return x @ w[f"{gate}.x"] + h @ w[f"{gate}.h_prev"] + w[f"{gate}.bias"]


def _low_rank(w: Weights, x: Array, h: Array, m: Array) -> Array:
    up = x @ w["forget.down.x"] @ w["forget.up.down"] + w["forget.up.bias"]
    return _sigmoid(up) ** (1 / 16)


def _two_layer(w: Weights, x: Array, h: Array, m: Array) -> Array:
    hidden = np.tanh(_pre(w, "forget.hidden", x, h))
    return _sigmoid(hidden @ w["forget.deep.tanh(hidden)"] + w["forget.deep.bias"])


def _temperature(w: Weights, x: Array, h: Array, m: Array) -> Array:
    tau = x @ w["forget.tau.x"] + w["forget.tau.bias"]
    return _sigmoid(_pre(w, "forget", x, h) / np.log1p(np.exp(tau)))


def _novelty(w: Weights, x: Array, h: Array, m: Array) -> Array:
    return _sigmoid(_pre(w, "forget", x, h) + np.abs(x - m) @ w["forget.new.abs(x-m_prev)"])


GATES: dict[str, Callable[[Weights, Array, Array, Array], Array]] = {
    "low_rank": _low_rank,
    "two_layer": _two_layer,
    "temperature": _temperature,
    "novelty": _novelty,
}


@pytest.mark.parametrize("gate", GATES)
def test_an_lstm_with_the_gate_is_that_of_its_equations(gate: str) -> None:
    layer = gatekit.RNN(
        "lstm", UNITS, swap={"forget": gate}, return_sequences=True, seed=1, dtype="float64"
    )
    x = np.random.default_rng(3).normal(size=(2, STEPS, FEATURES))
    outputs = layer(tf.constant(x))
    w = {name: np.asarray(value) for name, value in layer.named_weights.items()}
    h, c, m = np.zeros((2, UNITS)), np.zeros((2, UNITS)), np.zeros((2, FEATURES))
    for t in range(STEPS):
        now = x[:, t]
        forget = GATES[gate](w, now, h, m)
        i, o = _sigmoid(_pre(w, "input", now, h)), _sigmoid(_pre(w, "output", now, h))
        c = forget * c + i * np.tanh(_pre(w, "candidate", now, h))
        h, m = o * np.tanh(c), 0.9 * m + 0.1 * now
        np.testing.assert_allclose(outputs[:, t], h, rtol=1e-13, atol=1e-15)


def test_a_gate_with_a_temperature_starts_as_a_sigmoid_of_temperature_1() -> None:
    layer = gatekit.RNN("lstm", UNITS, swap={"forget": "temperature"}, dtype="float64")
    layer.build((None, None, FEATURES))
    bias = np.asarray(layer.named_weights["forget.tau.bias"])
    np.testing.assert_allclose(np.log1p(np.exp(bias)), 1, rtol=1e-15)
    assert np.asarray(layer.named_weights["forget.bias"]).tolist() == [1] * UNITS


def test_the_gate_of_low_rank_has_no_full_matrix() -> None:
    layer = gatekit.RNN("lstm", UNITS, swap={"forget": "low_rank"}, dtype="float64")
    layer.build((None, None, FEATURES))
    shapes = {n: v.shape for n, v in layer.named_weights.items() if n.startswith("forget")}
    assert shapes == {
        "forget.down.x": (FEATURES, 16),
        "forget.up.down": (16, UNITS),
        "forget.up.bias": (UNITS,),
    }
