"""Long short-term memory with a forget gate and no peepholes.

    i, f, o = sigmoid(W x + U h_prev + b), each with its own weights
    g = tanh(W x + U h_prev + b)
    c = f c_prev + i g
    h = o tanh(c)

Reference: Hochreiter & Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735; the forget gate: Gers,
Schmidhuber & Cummins 2000, doi 10.1162/089976600300015015.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

STATES = ("h", "c")


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    gates = ("input", "forget", "output", "candidate")
    return read_shapes(gates, units, {"x": features, "h_prev": units})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h and c are batch x units."""
    reads = {"x": x, "h_prev": states["h"]}
    i = sigmoid(pre(w, "input", reads))
    f = sigmoid(pre(w, "forget", reads))
    o = sigmoid(pre(w, "output", reads))
    g = np.tanh(pre(w, "candidate", reads))
    c = f * states["c"] + i * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {
    "lstm": Case(step, STATES, shapes),
    "tutorial": Case(step, STATES, shapes),
}
