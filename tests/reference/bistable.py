"""Bistable recurrent cells: a unit's own feedback may exceed 1, so that it can latch.

    a = 1 + tanh(W x + u h_prev + b),  z = sigmoid(W x + u h_prev + b)
    h = z h_prev + (1 - z) tanh(W x + a h_prev)

u is a weight per unit in the BRC, a full matrix in the nBRC.

Reference: Vecoven et al. 2021, arXiv 2006.05252 (biases as in the authors' code).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

_GATES = ("feedback", "update")


def brc_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the BRC by name."""
    gates = read_shapes(_GATES, units, {"x": features}, ("h_prev",))
    return gates | {"seen.x": (features, units)}


def nbrc_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the nBRC by name."""
    gates = read_shapes(_GATES, units, {"x": features, "h_prev": units})
    return gates | {"seen.x": (features, units)}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of either cell.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`brc_shapes` and :func:`nbrc_shapes`.

    Returns:
        The emission h, batch x units, and the new state.
    """
    h = states["h"]
    a = 1 + np.tanh(pre(w, "feedback", {"x": x, "h_prev": h}))
    z = sigmoid(pre(w, "update", {"x": x, "h_prev": h}))
    h = z * h + (1 - z) * np.tanh(x @ w["seen.x"] + a * h)
    return h, {"h": h}


CASES = {"brc": Case(step, ("h",), brc_shapes), "nbrc": Case(step, ("h",), nbrc_shapes)}
