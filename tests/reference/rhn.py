"""Recurrent highway network with coupled carry gates: several highway layers within a step.

    s_0 = h_prev
    g_l = tanh(W x [l = 1] + U_l s_{l-1} + b_l)
    t_l = sigmoid(V x [l = 1] + R_l s_{l-1} + a_l)
    s_l = g_l t_l + s_{l-1} (1 - t_l)
    h = s_L

Uncoupled, a carry gate of its own, sigmoid as well, takes the place of 1 - t_l.

Reference: Zilly et al. 2017, arXiv 1607.03474.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, sigmoid

STATES = ("h",)
DEPTH = 3


def _below(layer: int) -> str:
    return "h_prev" if layer == 1 else f"s_{layer - 1}"


def shapes(
    features: int, units: int, depth: int = DEPTH, coupled: bool = True
) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found: dict[str, tuple[int, ...]] = {}
    for gate in ("candidate", "transform") if coupled else ("candidate", "transform", "carry"):
        found |= dense_shapes(f"{gate}_1", features, units)
        for layer in range(2, depth + 1):
            found[f"{gate}_{layer}.{_below(layer)}"] = (units, units)
            found[f"{gate}_{layer}.bias"] = (units,)
    return found


def step(x: Array, states: States, w: Weights, depth: int = DEPTH, coupled: bool = True) -> Stepped:
    """One step; h is batch x units. Without carry gates, what is not transformed is carried."""

    def pre(gate: str, layer: int, s: Array) -> Array:
        name = f"{gate}_{layer}"
        read: Array = s @ w[f"{name}.{_below(layer)}"] + w[f"{name}.bias"]
        return read + x @ w[f"{name}.x"] if layer == 1 else read

    s = states["h"]
    for layer in range(1, depth + 1):
        share = sigmoid(pre("transform", layer, s))
        carried = 1 - share if coupled else sigmoid(pre("carry", layer, s))
        s = share * np.tanh(pre("candidate", layer, s)) + carried * s
    return s, {"h": s}


CASES = {
    "rhn": Case(step, STATES, shapes),
    "rhn_uncoupled": Case(partial(step, coupled=False), STATES, partial(shapes, coupled=False)),
}
