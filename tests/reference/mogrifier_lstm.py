"""Mogrifier LSTM: input and hidden state gate each other in rounds before the LSTM reads them.

    x_{-1} = x, h_0 = h_prev
    x_i = 2 sigmoid(Q_i h_{i-1} + b_i) x_{i-2}   for odd rounds i
    h_i = 2 sigmoid(R_i x_{i-1} + b_i) h_{i-2}   for even rounds i
    then the LSTM of the last x and h

Reference: Melis, Kočiský & Blunsom 2020, "Mogrifier LSTM", arXiv 1909.01792; biases as in the
authors' code.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h", "c")
GATES = ("input", "forget", "output", "candidate")
ROUNDS = 5


def _seen(before: int) -> tuple[str, str]:
    """The names of the last input and hidden state after some rounds."""
    odd, even = (before + 1) // 2 * 2 - 1, before // 2 * 2
    return (f"x_{odd}" if odd > 0 else "x"), (f"h_{even}" if even > 0 else "h_prev")


def shapes(features: int, units: int, rounds: int = ROUNDS) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found: dict[str, tuple[int, ...]] = {}
    for i in range(1, rounds + 1):
        x, h = _seen(i - 1)
        read, shape = (h, (units, features)) if i % 2 else (x, (features, units))
        found |= {f"mogrify_{i}.{read}": shape, f"mogrify_{i}.bias": (shape[1],)}
    x, h = _seen(rounds)
    for gate in GATES:
        found |= {f"{gate}.{x}": (features, units), f"{gate}.{h}": (units, units)}
        found[f"{gate}.bias"] = (units,)
    return found


def step(x: Array, states: States, w: Weights, rounds: int = ROUNDS) -> Stepped:
    """One step; h and c are batch x units."""
    h = states["h"]
    for i in range(1, rounds + 1):
        of_x, of_h = _seen(i - 1)
        if i % 2:
            x = 2 * sigmoid(h @ w[f"mogrify_{i}.{of_h}"] + w[f"mogrify_{i}.bias"]) * x
        else:
            h = 2 * sigmoid(x @ w[f"mogrify_{i}.{of_x}"] + w[f"mogrify_{i}.bias"]) * h
    of_x, of_h = _seen(rounds)
    i_, f, o, g = (x @ w[f"{k}.{of_x}"] + h @ w[f"{k}.{of_h}"] + w[f"{k}.bias"] for k in GATES)
    c = sigmoid(f) * states["c"] + sigmoid(i_) * np.tanh(g)
    new = sigmoid(o) * np.tanh(c)
    return new, {"h": new, "c": c}


CASES = {"mogrifier_lstm": Case(step, STATES, shapes)}
