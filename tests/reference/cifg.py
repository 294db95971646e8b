"""LSTM whose input gate is what the forget gate leaves, without peepholes.

    f, o = sigmoid(W x + U h_prev + b), each with its own weights
    g = tanh(W x + U h_prev + b)
    c = f c_prev + (1 - f) g
    h = o tanh(c)

Reference: Greff et al. 2015, "LSTM: a search space odyssey", arXiv 1503.04069 (CIFG; there with
peepholes, left out here as in the LSTM it derives from).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("forget", "output", "candidate")
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
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = f * c_prev + (1 - f) * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {"cifg": Case(step, STATES, shapes)}
