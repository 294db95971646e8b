"""GRU-D: missing features and the hidden state decay with the time since they were observed.

    last = m x + (1 - m) last_prev
    g = exp(-max(0, fade elapsed + fade_bias)), of each feature
    x' = m x + (1 - m) (g last + (1 - g) average)
    h' = exp(-max(0, W elapsed + b)) h_prev
    r, z = sigmoid(W x' + U h' + V m + b)
    c = tanh(W x' + U (r h') + V m + b)
    h = (1 - z) h' + z c

Reference: Che et al. 2018, doi 10.1038/s41598-018-24271-9, second hand: as the paper is quoted. The
first author's code (GRUDCell) feeds 1 - m and keeps h_prev where this keeps h'.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .reads import Shapes, pre, read_shapes

STATES = ("h", "last")
FEATURES = 2


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found: Shapes = {"fade": (features,), "fade_bias": (features,)}
    found |= read_shapes("decay", units, {"elapsed": features})
    for gate in ("reset", "update", "candidate"):
        back = "reset*decayed" if gate == "candidate" else "decayed"
        found |= read_shapes(gate, units, {"filled": features, back: units, "mask": features})
    return found


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x 4 features: x, mask, elapsed and average side by side.
        states: h, batch x units, and last, batch x features.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    x, m, elapsed, average = np.split(x, 4, axis=-1)
    zero = np.zeros(1)
    last = m * x + (1 - m) * states["last"]
    g = np.exp(-maximum(w["fade"] * elapsed + w["fade_bias"], zero))
    filled = m * x + (1 - m) * (g * last + (1 - g) * average)
    back = states["h"] * np.exp(-maximum(pre(w, "decay", {"elapsed": elapsed}), zero))
    reads = {"filled": filled, "decayed": back, "mask": m}
    r, z = sigmoid(pre(w, "reset", reads)), sigmoid(pre(w, "update", reads))
    c = np.tanh(pre(w, "candidate", {"filled": filled, "reset*decayed": r * back, "mask": m}))
    h = (1 - z) * back + z * c
    return h, {"h": h, "last": last}


CASES = {
    "gru_d": Case(
        step,
        STATES,
        shapes,
        widths=lambda units: {"last": FEATURES},
        inputs={"mask": FEATURES, "elapsed": FEATURES, "average": FEATURES},
        features=FEATURES,
        # A rectifier is flat on one side: there, elapsed and average have no influence.
        flat=("x",),
    )
}
