"""LSTMs whose units read their own hidden state only, through a vector u instead of a matrix.

    IndyLSTM:  i, f, o = sigmoid(W x + u h_prev + b), g = tanh(W x + u h_prev + b)
               c = f c_prev + i g, h = o tanh(c)
    ParaLSTM:  f = sigmoid(W x + u h_prev + p c_prev + b), g as above
               c = f c_prev + (1 - f) g
               o = sigmoid(W x + u h_prev + p c + b), h = o tanh(c)

Reference: Gonnet & Deselaers 2019, arXiv 1903.08023; Danieli et al. 2025, arXiv 2510.21450.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h", "c")


def _read(w: Weights, gate: str, x: Array, h_prev: Array) -> Array:
    a: Array = x @ w[f"{gate}.x"] + h_prev * w[f"{gate}.h_prev"] + w[f"{gate}.bias"]
    return a


def _shapes(features: int, units: int, *gates: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for gate in gates:
        found[f"{gate}.x"] = (features, units)
        found |= {f"{gate}.h_prev": (units,), f"{gate}.bias": (units,)}
    return found


def indy_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`indy` by name."""
    return _shapes(features, units, "input", "forget", "output", "candidate")


def indy(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the IndyLSTM: the emission h and the new states."""
    a = {g: _read(w, g, x, states["h"]) for g in ("input", "forget", "output", "candidate")}
    c = sigmoid(a["forget"]) * states["c"] + sigmoid(a["input"]) * np.tanh(a["candidate"])
    h = sigmoid(a["output"]) * np.tanh(c)
    return h, {"h": h, "c": c}


def para_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`para` by name."""
    found = _shapes(features, units, "forget", "output", "candidate")
    return found | {"forget.c_prev": (units,), "output.c": (units,)}


def para(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the ParaLSTM: the emission h and the new states."""
    h_prev, c_prev = states["h"], states["c"]
    f = sigmoid(_read(w, "forget", x, h_prev) + w["forget.c_prev"] * c_prev)
    c = f * c_prev + (1 - f) * np.tanh(_read(w, "candidate", x, h_prev))
    o = sigmoid(_read(w, "output", x, h_prev) + w["output.c"] * c)
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {
    "indy_lstm": Case(indy, STATES, indy_shapes),
    "para_lstm": Case(para, STATES, para_shapes),
}
