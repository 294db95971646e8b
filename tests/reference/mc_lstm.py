"""Mass-conserving LSTM: gates move what comes in and what is stored, and lose none of it.

    s = c_prev / (sum c_prev + eps)
    I = softmax of each row of W x + U s + b, features x units
    R = softmax of each row of W x + U s + b, units x units
    o = sigmoid(W x + U s + b)
    m = I^T x + R^T c_prev
    h = o m,  c = (1 - o) m

All features of x are mass here, and the auxiliary input of the gates as well.

Reference: Hoedt et al. 2021, arXiv 2101.05186, equations 3 to 8.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, softmax
from .reads import Shapes, pre, read_shapes

STATES = ("c",)
EPS = 1e-5


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    reads = {"x": features, "share": units}
    return {
        **read_shapes("input", features * units, reads),
        **read_shapes("redistribution", units * units, reads),
        **read_shapes("output", units, reads),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; x and c are masses, batch x features and batch x units."""
    c_prev = states["c"]
    units = c_prev.shape[-1]
    reads = {"x": x, "share": c_prev / (np.sum(c_prev, axis=-1, keepdims=True) + EPS)}
    into = pre(w, "input", reads)
    among = pre(w, "redistribution", reads)
    o = sigmoid(pre(w, "output", reads))
    m = np.zeros_like(o)
    for source in range(x.shape[-1]):
        m = m + x[:, source, None] * softmax(into[:, source * units : (source + 1) * units])
    for source in range(units):
        m = m + c_prev[:, source, None] * softmax(among[:, source * units : (source + 1) * units])
    return o * m, {"c": (1 - o) * m}


CASES = {
    "mc_lstm": Case(
        step,
        STATES,
        shapes,
        start=lambda rng, batch, units: {"c": 0.2 + rng.random((batch, units))},
    )
}
