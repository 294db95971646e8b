"""Minimal gated unit: one gate that both resets and updates.

    f = sigmoid(W x + U h_prev + b)
    g = tanh(W x + U (f h_prev) + b)
    h = (1 - f) h_prev + f g

Reference: Zhou et al. 2016, arXiv 1603.09420.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    return dense_shapes("forget", features, units) | {
        "candidate.x": (features, units),
        "candidate.forget*h_prev": (units, units),
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
    f = sigmoid(affine(w, "forget", x, h_prev))
    read = (f * h_prev) @ w["candidate.forget*h_prev"]
    g = np.tanh(x @ w["candidate.x"] + read + w["candidate.bias"])
    h = (1 - f) * h_prev + f * g
    return h, {"h": h}


CASES = {"mgu": Case(step, STATES, shapes)}
