"""Gated recurrent unit, the reset gate acting before the recurrent product.

    r, z = sigmoid(W x + U h_prev + b), each with its own weights
    g = tanh(W x + U (r h_prev) + b)
    h = z h_prev + (1 - z) g

Reference: Cho et al. 2014, arXiv 1406.1078 v3 (z keeps the old state, as there and in Keras).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("reset", "update")
    dense = {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}
    return dense | {
        "candidate.x": (features, units),
        "candidate.reset*h_prev": (units, units),
        "candidate.bias": (units,),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev = states["h"]
    r = sigmoid(affine(w, "reset", x, h_prev))
    z = sigmoid(affine(w, "update", x, h_prev))
    read = (r * h_prev) @ w["candidate.reset*h_prev"]
    g = np.tanh(x @ w["candidate.x"] + read + w["candidate.bias"])
    h = z * h_prev + (1 - z) * g
    return h, {"h": h}


CASES = {"gru": Case(step, STATES, shapes)}
