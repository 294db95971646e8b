"""JANET: an LSTM that is "just another network", with the forget gate alone.

    s = W x + U h_prev + b
    g = tanh(W x + U h_prev + b)
    c = sigmoid(s) c_prev + (1 - sigmoid(s - beta)) g
    h = c

Memory and output are one, so the only state is h.

Reference: van der Westhuizen & Lasenby 2018, arXiv 1804.04849.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("forget", "candidate")
    return {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}


def step(x: Array, states: States, w: Weights, beta: float = 1.0) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`shapes`.
        beta: how far the input's share is moved from 1 - sigmoid(s); the paper uses 1.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev = states["h"]
    s = affine(w, "forget", x, h_prev)
    g = np.tanh(affine(w, "candidate", x, h_prev))
    h = sigmoid(s) * h_prev + (1 - sigmoid(s - beta)) * g
    return h, {"h": h}


CASES = {"janet": Case(step, STATES, shapes)}
