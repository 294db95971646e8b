"""Multiplicative LSTM: the hidden state is multiplied by a function of the input before it is read.

    m = (A x) (B h_prev), unit by unit
    i, f, o = sigmoid(W x + V m + b), each with its own weights

    the authors' code:   c = f c_prev + i (W x + V m);           h = tanh(o c + b)
    other libraries:     c = f c_prev + i tanh(W x + V m + b);   h = o tanh(c)

Reference: Krause et al. 2016, "Multiplicative LSTM for sequence modelling", arXiv 1609.07959, and
the authors' code (benkrause/mLSTM, ForwardPass in mLSTMeval.m).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h", "c")
GATES = ("input", "forget", "output", "candidate")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name; ``factor_x.x`` is A and ``factor_h.h_prev`` is B."""
    found: dict[str, tuple[int, ...]] = {"factor_x.x": (features, units)}
    found["factor_h.h_prev"] = (units, units)
    for gate in GATES:
        found[f"{gate}.x"] = (features, units)
        found[f"{gate}.multiplied"] = (units, units)
        found[f"{gate}.bias"] = (units,)
    return found


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    m = (x @ w["factor_x.x"]) * (states["h"] @ w["factor_h.h_prev"])
    i, f, o, g = (x @ w[f"{k}.x"] + m @ w[f"{k}.multiplied"] + w[f"{k}.bias"] for k in GATES)
    c = sigmoid(f) * states["c"] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, {"h": h, "c": c}


def linear_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of the authors' form by name."""
    found = shapes(features, units) | {"shown_bias": (units,)}
    del found["candidate.bias"]
    return found


def linear_step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of the authors' form; arguments and results as in :func:`step`."""
    mult = (x @ w["factor_x.x"]) * (states["h"] @ w["factor_h.h_prev"])
    ins = {gate: x @ w[f"{gate}.x"] + mult @ w[f"{gate}.multiplied"] for gate in GATES}
    write, keep, read = (sigmoid(ins[g] + w[f"{g}.bias"]) for g in GATES[:3])
    c = ins["candidate"] * write + states["c"] * keep
    h = np.tanh(c * read + w["shown_bias"])
    return h, {"h": h, "c": c}


CASES = {
    "multiplicative_lstm": Case(linear_step, STATES, linear_shapes),
    "multiplicative_lstm_tanh": Case(step, STATES, shapes),
}
