"""LSTM whose hidden state is a projection of what the memory shows, with and without peepholes.

    i, f = sigmoid(W x + U h_prev [+ p c_prev] + b)
    g = tanh(W x + U h_prev + b)
    c = f c_prev + i g
    o = sigmoid(W x + U h_prev [+ p c] + b)
    h = P (o tanh(c)), narrower than c; it is what gates read and what is emitted

Reference: Sak, Senior & Beaufays 2014, arXiv 1402.1128.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, sigmoid

STATES = ("h", "c")
SEES = {"input": "c_prev", "forget": "c_prev", "output": "c"}


def shapes(
    features: int, units: int, peepholes: bool = False, ratio: int = 2
) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name; ``h.shown`` is P."""
    found: dict[str, tuple[int, ...]] = {"h.shown": (units, units // ratio)}
    for gate in ("input", "forget", "output", "candidate"):
        found[f"{gate}.x"] = (features, units)
        found[f"{gate}.h_prev"] = (units // ratio, units)
        found[f"{gate}.bias"] = (units,)
        if peepholes and gate in SEES:
            found[f"{gate}.{SEES[gate]}"] = (units,)
    return found


def step(x: Array, states: States, w: Weights, peepholes: bool = False) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x projection, and c, batch x units.
        w: weights by name, see :func:`shapes`.
        peepholes: whether gates see the memory.

    Returns:
        The emission h, batch x projection, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str, memory: Array) -> Array:
        seen = w[f"{name}.{SEES[name]}"] * memory if peepholes else 0.0
        return sigmoid(affine(w, name, x, h_prev) + seen)

    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = gate("forget", c_prev) * c_prev + gate("input", c_prev) * g
    h: Array = (gate("output", c) * np.tanh(c)) @ w["h.shown"]
    return h, {"h": h, "c": c}


def _narrow(units: int) -> dict[str, int]:
    return {"h": units // 2}


CASES = {
    "lstmp": Case(step, STATES, shapes, widths=_narrow),
    "lstmp_peephole": Case(
        partial(step, peepholes=True), STATES, partial(shapes, peepholes=True), widths=_narrow
    ),
}
