"""LSTM whose gates read a linear surrogate of the hidden state.

    s = k s_prev + (1 - k) tanh(V x + b),  k = sigmoid(V x + b)
    i, f, o = sigmoid(W x + U s_prev + b), each with its own weights
    c = f c_prev + i tanh(W x + U s_prev + b)
    h = o c

Reference: Martin & Cundy 2018, "Parallelizing linear recurrent neural nets over sequence length",
arXiv 1709.04057.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("surrogate", "c")
GATES = ("input", "forget", "output", "candidate")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found: dict[str, tuple[int, ...]] = {}
    for gate in ("surrogate_gate", "impulse", *GATES):
        found |= {f"{gate}.x": (features, units), f"{gate}.bias": (units,)}
        if gate in GATES:
            found[f"{gate}.surrogate_prev"] = (units, units)
    return found


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: the surrogate and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    s_prev = states["surrogate"]
    k = sigmoid(x @ w["surrogate_gate.x"] + w["surrogate_gate.bias"])
    s = k * s_prev + (1 - k) * np.tanh(x @ w["impulse.x"] + w["impulse.bias"])
    i, f, o, g = (
        x @ w[f"{gate}.x"] + s_prev @ w[f"{gate}.surrogate_prev"] + w[f"{gate}.bias"]
        for gate in GATES
    )
    c = sigmoid(f) * states["c"] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * c, {"surrogate": s, "c": c}


CASES = {"gilr_lstm": Case(step, STATES, shapes)}
