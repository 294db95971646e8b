"""A gated recurrent unit that is fed back its state and its input of some steps ago.

    u = tanh(W x + U h_prev + b),  g = dt sigmoid(W x + U h_prev + b)
    z = tanh(W x_{t-d} + U h_{t-d} + b),  a = sigmoid(W x_{t-d} + U h_{t-d} + b)
    h = (1 - g) h_prev + g (beta u + alpha a z)

The states lag_k and back_k hold the h and x of k steps ago.

Reference: Erichson et al. 2022, arXiv 2212.00228, second hand: tauGRU_Cell, version 1.3.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

DELAY, DT, ALPHA, BETA = 5, 0.7, 0.8, 1.2
STATES = (
    "h",
    "x",
    *(f"lag_{k}" for k in range(1, DELAY)),
    *(f"back_{k}" for k in range(1, DELAY)),
)


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("update", "candidate"), units, {"x": features, "h_prev": units})
    delayed = {f"back_{DELAY}": features, f"lag_{DELAY}": units}
    return found | read_shapes(("weight", "feedback"), units, delayed)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h and lag_k are batch x units, x and back_k batch x features."""
    hidden = [states["h"], *(states[f"lag_{k}"] for k in range(1, DELAY))]  # of t-1, t-2, ...
    inputs = [states["x"], *(states[f"back_{k}"] for k in range(1, DELAY))]
    now = {"x": x, "h_prev": hidden[0]}
    then = {f"back_{DELAY}": inputs[-1], f"lag_{DELAY}": hidden[-1]}
    C = DT * sigmoid(pre(w, "update", now))
    D, B = sigmoid(pre(w, "weight", then)), np.tanh(pre(w, "feedback", then))
    A = np.tanh(pre(w, "candidate", now))
    h = (1 - C) * hidden[0] + C * (BETA * A + ALPHA * D * B)
    new = {"h": h, "x": x}
    for k in range(1, DELAY):
        new |= {f"lag_{k}": hidden[k - 1], f"back_{k}": inputs[k - 1]}
    return h, new


CASES = {
    "tau_gru": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"dt": DT, "alpha": ALPHA, "beta": BETA}},
        widths=lambda units: dict.fromkeys([n for n in STATES if n[0] in "xb"], 2),
    )
}
