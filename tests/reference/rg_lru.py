"""Real-gated linear recurrent unit, after a projection of the input.

    v = W x + b;  r, i = sigmoid(U v + b)
    log a = -8 r softplus(decay)
    h = a h_prev + sqrt(1 - a^2) i v, without the square root at the first step

Reference: De et al. 2024, arXiv 2402.19427; the first step as in the authors' code.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, softplus
from .reads import Shapes, pre, read_shapes

STATES = ("h", "t")


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; ``decay`` enters through softplus."""
    gates = read_shapes(("recurrence", "input"), units, {"value": units})
    return read_shapes("value", units, {"x": features}) | gates | {"decay": (units,)}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units, and t, the steps so far, batch x 1.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    v = pre(w, "value", {"x": x})
    r, i = (sigmoid(pre(w, gate, {"value": v})) for gate in ("recurrence", "input"))
    a = np.exp(-8 * r * softplus(w["decay"]))
    factor = np.where(np.real(states["t"]) == 0, 1.0, np.sqrt(1 - a**2))
    h = a * states["h"] + factor * i * v
    return h, {"h": h, "t": states["t"] + 1}


def _start(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    return {"t": np.zeros((batch, 1))}


# The count of steps acts as a switch only: t has no slope.
CASES = {
    "rg_lru": Case(step, STATES, shapes, widths=lambda units: {"t": 1}, start=_start, flat=("t",))
}
