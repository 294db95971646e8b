"""LSTMs whose three gates have fewer parameters; the candidate is the LSTM's.

    1: a = U h_prev + b     2: a = U h_prev     3: a = b
    4: a = u h_prev         5: a = u h_prev + b, unit by unit
    i, f, o = sigmoid(a), each with its own weights
    c = f c_prev + i tanh(W x + U h_prev + b)
    h = o tanh(c)

Reference: Akandeh & Salem 2017, "Simplified LSTM recurrent neural networks: part I", arXiv
1707.04619, LSTM1 to LSTM5, and the authors' Keras module.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int, number: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found = dense_shapes("candidate", features, units)
    for gate in ("input", "forget", "output"):
        if number in (1, 2):
            found[f"{gate}.h_prev"] = (units, units)
        if number in (4, 5):
            found[f"{gate}.h_prev"] = (units,)
        if number in (1, 3, 5):
            found[f"{gate}.bias"] = (units,)
    return found


def step(x: Array, states: States, w: Weights, number: int) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.
        number: which of the five.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str) -> Array:
        a = np.zeros_like(c_prev)
        if number in (1, 2):
            a = a + h_prev @ w[f"{name}.h_prev"]
        if number in (4, 5):
            a = a + h_prev * w[f"{name}.h_prev"]
        if number in (1, 3, 5):
            a = a + w[f"{name}.bias"]
        return sigmoid(a)

    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = gate("forget") * c_prev + gate("input") * g
    h = gate("output") * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {
    f"slim_lstm{n}": Case(partial(step, number=n), STATES, partial(shapes, number=n))
    for n in range(1, 6)
}
