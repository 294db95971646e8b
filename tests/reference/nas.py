"""The cell that neural architecture search found, as TensorFlow computes it.

    a_k = W_k x + U_k h_prev for k = 0, 1, 2, 4, 5, 6, 7
    a_3 = (W_3 x) (U_3 h_prev), unit by unit
    l_0 = tanh(sigmoid(a_0) relu(a_1)),  l_1 = tanh(sigmoid(a_2) + relu(a_3))
    l_2 = tanh(tanh(a_4) sigmoid(a_5)),  l_3 = sigmoid(tanh(a_6) + sigmoid(a_7))
    c = tanh(l_0 + c_prev) l_1
    h = tanh(c tanh(l_2 + l_3))

The additive form has a_3 = W_3 x + U_3 h_prev, and a bias in every a_k.

Reference: Zoph & Le 2017, "Neural architecture search with reinforcement learning", arXiv
1611.01578; NASCell of TensorFlow; the additive form: torchrecurrent 0.2.5.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, maximum, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int, additive: bool = False) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found: dict[str, tuple[int, ...]] = {}
    for k in range(8):
        if k == 3 and not additive:
            found |= {"unit_3_x.x": (features, units), "unit_3_h.h_prev": (units, units)}
        else:
            found |= dense_shapes(f"unit_{k}", features, units)
            if not additive:
                del found[f"unit_{k}.bias"]
    return found


def step(x: Array, states: States, w: Weights, additive: bool = False) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.
        additive: whether the fourth unit adds what it reads.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev = states["h"]

    def a(k: int) -> Array:
        if additive:
            return affine(w, f"unit_{k}", x, h_prev)
        if k == 3:
            return np.asarray((x @ w["unit_3_x.x"]) * (h_prev @ w["unit_3_h.h_prev"]))
        return np.asarray(x @ w[f"unit_{k}.x"] + h_prev @ w[f"unit_{k}.h_prev"])

    def relu(z: Array) -> Array:
        return maximum(z, np.zeros_like(z))

    l_0 = np.tanh(sigmoid(a(0)) * relu(a(1)))
    l_1 = np.tanh(sigmoid(a(2)) + relu(a(3)))
    l_2 = np.tanh(np.tanh(a(4)) * sigmoid(a(5)))
    l_3 = sigmoid(np.tanh(a(6)) + sigmoid(a(7)))
    c = np.tanh(l_0 + states["c"]) * l_1
    h = np.tanh(c * np.tanh(l_2 + l_3))
    return h, {"h": h, "c": c}


CASES = {
    "nas": Case(step, STATES, shapes),
    "nas_additive": Case(partial(step, additive=True), STATES, partial(shapes, additive=True)),
}
