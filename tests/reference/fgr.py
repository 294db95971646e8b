"""The LSTM with peepholes whose gates also read all gates of the step before.

    i, f = sigmoid(W x + U h_prev + p c_prev + R i_prev + S f_prev + T o_prev + b)
    g = tanh(W x + U h_prev + b)
    c = f c_prev + i g
    o = sigmoid(W x + U h_prev + p c + R i_prev + S f_prev + T o_prev + b)
    h = o tanh(c)

Reference: Greff et al. 2015, "LSTM: a search space odyssey", arXiv 1503.04069, variant FGR,
as in the first author's code (Qwlouse/pylstm, src/layers/lstm97_layer.cpp).
"""

from __future__ import annotations

import numpy as np

from . import peephole
from .case import Case
from .functions import Array, States, Stepped, Weights, affine, sigmoid

STATES = ("h", "input", "forget", "output", "c")
GATES = ("input", "forget", "output")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    more = {f"{gate}.{other}_prev": (units, units) for gate in GATES for other in GATES}
    return peephole.shapes(features, units) | more


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, c and the three gates, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str, peep: Array) -> Array:
        a = affine(w, name, x, h_prev) + peep
        return sigmoid(a + sum(states[other] @ w[f"{name}.{other}_prev"] for other in GATES))

    i = gate("input", w["input.c_prev"] * c_prev)
    f = gate("forget", w["forget.c_prev"] * c_prev)
    c = f * c_prev + i * np.tanh(affine(w, "candidate", x, h_prev))
    o = gate("output", w["output.c"] * c)
    h = o * np.tanh(c)
    return h, {"h": h, "c": c, "input": i, "forget": f, "output": o}


CASES = {"fgr": Case(step, STATES, shapes)}
