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
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("input", "forget", "output", "candidate")
    return {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h and c are batch x units."""
    h_prev, c_prev = states["h"], states["c"]
    i = sigmoid(affine(w, "input", x, h_prev))
    f = sigmoid(affine(w, "forget", x, h_prev))
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {
    "lstm": Case(step, STATES, shapes),
    "tutorial": Case(step, STATES, shapes),
}
