"""Phased LSTM: units that open and close by a rhythm of their own, given the time of each step.

    phi = ((t - s) mod tau) / tau
    k = 2 phi / r              for phi < r / 2
        2 - 2 phi / r          for r / 2 <= phi < r
        leak phi               else
    c~, h~ of the LSTM with peepholes
    c = k c~ + (1 - k) c_prev
    h = k h~ + (1 - k) h_prev

tau is softplus of a weight, r the sigmoid of one; t is the last column of x; leak is 0.001.

Reference: Neil, Pfeiffer & Liu 2016, arXiv 1610.09513, and the first author's layer.
"""

from __future__ import annotations

import numpy as np

from . import peephole
from .case import Case
from .functions import Array, States, Stepped, Weights, affine, sigmoid, softplus

STATES = ("h", "c")
LEAK = 1e-3


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found = peephole.shapes(features, units)
    found["output.proposed_c"] = found.pop("output.c")
    return found | {"period": (units,), "shift": (units,), "ratio": (units,)}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features, and the time in the last column.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    x, time = x[:, :-1], x[:, -1:]
    tau, r = softplus(w["period"]), sigmoid(w["ratio"])
    late = time - w["shift"]
    phi = (late - tau * np.floor(np.real(late) / np.real(tau))) / tau
    k = np.where(
        np.real(phi) < np.real(r) / 2,
        2 * phi / r,
        np.where(np.real(phi) < np.real(r), 2 - 2 * phi / r, LEAK * phi),
    )
    h_prev, c_prev = states["h"], states["c"]
    i = sigmoid(affine(w, "input", x, h_prev) + w["input.c_prev"] * c_prev)
    f = sigmoid(affine(w, "forget", x, h_prev) + w["forget.c_prev"] * c_prev)
    c = f * c_prev + i * np.tanh(affine(w, "candidate", x, h_prev))
    o = sigmoid(affine(w, "output", x, h_prev) + w["output.proposed_c"] * c)
    new = {"h": o * np.tanh(c), "c": c}
    mixed = {n: k * new[n] + (1 - k) * states[n] for n in STATES}
    return mixed["h"], mixed


CASES = {"phased_lstm": Case(step, STATES, shapes, inputs={"time": 1})}
