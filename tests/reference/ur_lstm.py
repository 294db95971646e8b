"""LSTM with a refined forget gate, which also decides the input's share.

    f, r, o = sigmoid(W x + U h_prev + b), each with its own weights
    e = r (1 - (1 - f)^2) + (1 - r) f^2       the effective gate, (1 - 2 r) f^2 + 2 r f
    g = tanh(W x + U h_prev + b)
    c = e c_prev + (1 - e) g
    h = o tanh(c)

The paper adds b to f's and subtracts it from r's pre-activation, with sigmoid(b) drawn from
U(1/n, 1 - 1/n); that is where the two biases start and no part of the step.

Reference: Gu et al. 2020, "Improving the gating mechanism of recurrent neural networks", arXiv
1910.09890.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("forget", "refine", "output", "candidate")
    return {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]
    f = sigmoid(affine(w, "forget", x, h_prev))
    r = sigmoid(affine(w, "refine", x, h_prev))
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    effective = r * (1 - (1 - f) ** 2) + (1 - r) * f**2
    c = effective * c_prev + (1 - effective) * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {"ur_lstm": Case(step, STATES, shapes)}
