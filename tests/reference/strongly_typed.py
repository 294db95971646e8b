"""Strongly typed recurrent networks: no matrix acts on a state.

    T-RNN:  z = W x + b, f = sigmoid(W x + b);  h = f h_prev + (1 - f) z
    T-GRU:  z, f, o of W x + V x_prev + b, linear, sigmoid, tanh;  h = f h_prev + z o
    T-LSTM: the same z, f, o;  c = f c_prev + (1 - f) z,  h = c o

Reference: Balduzzi & Ghifary 2016, arXiv 1602.02218.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

FEATURES = 2


def trnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the T-RNN by name."""
    return read_shapes(("forget", "candidate"), units, {"x": features})


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of T-GRU and T-LSTM by name."""
    gates = ("forget", "candidate", "output")
    return read_shapes(gates, units, {"x": features, "x_prev": features})


def trnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the T-RNN: emission batch x units, and the new state h."""
    f = sigmoid(pre(w, "forget", {"x": x}))
    h = f * states["h"] + (1 - f) * pre(w, "candidate", {"x": x})
    return h, {"h": h}


def _signals(x: Array, states: States, w: Weights) -> tuple[Array, Array, Array]:
    z, f, o = (
        pre(w, gate, {"x": x, "x_prev": states["x"]}) for gate in ("candidate", "forget", "output")
    )
    return z, sigmoid(f), np.tanh(o)


def tgru(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the T-GRU: emission batch x units, and the new states h and x."""
    z, f, o = _signals(x, states, w)
    h = f * states["h"] + z * o
    return h, {"h": h, "x": x}


def tlstm(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the T-LSTM: emission batch x units, and the new states c and x."""
    z, f, o = _signals(x, states, w)
    c = f * states["c"] + (1 - f) * z
    return c * o, {"c": c, "x": x}


def _widths(units: int) -> dict[str, int]:
    return {"x": FEATURES}


CASES = {
    "trnn": Case(trnn, ("h",), trnn_shapes),
    "tgru": Case(tgru, ("h", "x"), shapes, widths=_widths, features=FEATURES),
    "tlstm": Case(tlstm, ("c", "x"), shapes, widths=_widths, features=FEATURES),
}
