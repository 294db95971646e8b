"""Recurrent cells whose gates multiply what they read of x with what they read of h.

    M(W x, U u) = alpha (W x) (U u) + beta_x W x + beta_h U u + b, each gate with weights of its own

    RNN:   h = tanh(M(W x, U h_prev))
    LSTM:  i, f, o = sigmoid(M(W x, U h_prev)), g = tanh(M(W x, U h_prev))
           c = f c_prev + i g, h = o tanh(c)
    GRU:   r, z = sigmoid(M(W x, U h_prev)), g = tanh(M(W x, U (r h_prev)))
           h = z h_prev + (1 - z) g

Reference: Wu et al. 2016, "On multiplicative integration with recurrent neural networks", arXiv
1606.06630, section 2.1 as libraries quote it.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

LSTM_GATES = ("input", "forget", "output", "candidate")


def _shapes(features: int, units: int, gate: str, read: str) -> dict[str, tuple[int, ...]]:
    vectors = (f"{gate}_alpha", f"{gate}_beta_x", f"{gate}_beta_h", f"{gate}.bias")
    matrices = {f"{gate}_x.x": (features, units), f"{gate}_h.{read}": (units, units)}
    return {**matrices, **dict.fromkeys(vectors, (units,))}


def _mixed(w: Weights, gate: str, x: Array, u: Array, read: str = "h_prev") -> Array:
    a, b = x @ w[f"{gate}_x.x"], u @ w[f"{gate}_h.{read}"]
    total: Array = w[f"{gate}_alpha"] * a * b + w[f"{gate}.bias"]
    return total + w[f"{gate}_beta_x"] * a + w[f"{gate}_beta_h"] * b


def rnn_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`rnn` by name."""
    return _shapes(features, units, "candidate", "h_prev")


def rnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the simple network: the emission h and the new states."""
    h = np.tanh(_mixed(w, "candidate", x, states["h"]))
    return h, {"h": h}


def lstm_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`lstm` by name."""
    each = (_shapes(features, units, gate, "h_prev") for gate in LSTM_GATES)
    return {k: s for shapes in each for k, s in shapes.items()}


def lstm(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the LSTM: the emission h and the new states."""
    i, f, o, g = (_mixed(w, gate, x, states["h"]) for gate in LSTM_GATES)
    c = sigmoid(f) * states["c"] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, {"h": h, "c": c}


def gru_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`gru` by name."""
    gates = _shapes(features, units, "reset", "h_prev") | _shapes(
        features, units, "update", "h_prev"
    )
    return gates | _shapes(features, units, "candidate", "reset*h_prev")


def gru(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the GRU: the emission h and the new states."""
    h_prev = states["h"]
    r = sigmoid(_mixed(w, "reset", x, h_prev))
    z = sigmoid(_mixed(w, "update", x, h_prev))
    h = z * h_prev + (1 - z) * np.tanh(_mixed(w, "candidate", x, r * h_prev, "reset*h_prev"))
    return h, {"h": h}


CASES = {
    "mi_rnn": Case(rnn, ("h",), rnn_shapes),
    "mi_lstm": Case(lstm, ("h", "c"), lstm_shapes),
    "mi_gru": Case(gru, ("h",), gru_shapes),
}
