"""Layer-normalised LSTMs: statistics of each gate alone, and of all four gates together.

    N(a) = (a - mean(a)) / sqrt(var(a) + eps), over the last axis

    alone:    a_k = s_k N(W_k x + U_k h_prev) + b_k, for each gate k
    stacked:  a = s N(W x) + s' N(U h_prev) + b, the four gates side by side
    c = sigmoid(a_f) c_prev + sigmoid(a_i) tanh(a_g)
    h = sigmoid(a_o) tanh(s N(c) + b)

Reference: Ba, Kiros & Hinton 2016, arXiv 1607.06450 (stacked, eps = 1e-5 in the authors' code);
Ha, Dai & Le 2016, arXiv 1609.09106, and its code (alone, eps = 1e-3).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, normalised, sigmoid
from .reads import Shapes, read_shapes

STATES = ("h", "c")
GATES = ("input", "forget", "output", "candidate")


def shapes(features: int, units: int, stacked: bool) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(GATES, units, {"x": features, "h_prev": units})
    found |= {"shown.scale": (units,), "shown.offset": (units,)}
    for gate in GATES:
        scales = (f"{gate}.x.scale", f"{gate}.h_prev.scale") if stacked else (f"{gate}.scale",)
        found |= dict.fromkeys(scales, (units,))
    return found


def step(x: Array, states: States, w: Weights, stacked: bool) -> Stepped:
    """One step; h and c are batch x units; ``stacked`` gates share their statistics."""
    of_x = [x @ w[f"{gate}.x"] for gate in GATES]
    of_h = [states["h"] @ w[f"{gate}.h_prev"] for gate in GATES]
    if stacked:
        all_x = np.split(normalised(np.concatenate(of_x, -1), 1e-5), 4, axis=-1)
        all_h = np.split(normalised(np.concatenate(of_h, -1), 1e-5), 4, axis=-1)
        sums = [
            a * w[f"{gate}.x.scale"] + b * w[f"{gate}.h_prev.scale"]
            for gate, a, b in zip(GATES, all_x, all_h, strict=True)
        ]
    else:
        sums = [
            normalised(a + b, 1e-3) * w[f"{gate}.scale"]
            for gate, a, b in zip(GATES, of_x, of_h, strict=True)
        ]
    i, f, o, g = (a + w[f"{gate}.bias"] for gate, a in zip(GATES, sums, strict=True))
    c = sigmoid(f) * states["c"] + sigmoid(i) * np.tanh(g)
    shown = normalised(c, 1e-5 if stacked else 1e-3) * w["shown.scale"] + w["shown.offset"]
    h = sigmoid(o) * np.tanh(shown)
    return h, {"h": h, "c": c}


CASES = {
    "layer_norm_lstm": Case(partial(step, stacked=False), STATES, partial(shapes, stacked=False)),
    "layer_norm_lstm_stacked": Case(
        partial(step, stacked=True), STATES, partial(shapes, stacked=True)
    ),
}
