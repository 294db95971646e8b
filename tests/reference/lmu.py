"""Legendre memory unit: a fixed linear memory of one encoded number, and a nonlinear state.

    u = e_x x + e_h h_prev + e_m m_prev, one number
    m = A m_prev + B u, with fixed A and B
    h = tanh(W_x x + W_h h_prev + W_m m)

Reference: Voelker, Kajic & Eliasmith 2019, NeurIPS 32, equations 4 to 6.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .reads import Shapes, read_shapes

STATES = ("h", "memory")
ORDER = 3


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; A and B are those of ``memory``, transposed."""
    past = {"x": features, "h_prev": units}
    return {
        **read_shapes("encoder", 1, {**past, "memory_prev": ORDER}, bias=False),
        **read_shapes("memory", ORDER, {"memory_prev": ORDER, "encoder": 1}, bias=False),
        **read_shapes("h", units, {**past, "memory": ORDER}, bias=False),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units; memory, batch x order.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, m_prev = states["h"], states["memory"]
    u = np.sum(x * w["encoder.x"][:, 0], -1) + np.sum(h_prev * w["encoder.h_prev"][:, 0], -1)
    u = u + np.sum(m_prev * w["encoder.memory_prev"][:, 0], -1)
    m = np.einsum("ij,bi->bj", w["memory.memory_prev"], m_prev)
    m = m + u[:, None] * w["memory.encoder"][0]
    h = np.tanh(x @ w["h.x"] + h_prev @ w["h.h_prev"] + m @ w["h.memory"])
    return h, {"h": h, "memory": m}


CASES = {
    "lmu": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"order": ORDER}},
        widths=lambda units: {"memory": ORDER},
    )
}
