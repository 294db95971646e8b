"""A gated recurrent unit that is fed back its state of some steps ago.

    u = tanh(A), g, a = sigmoid(A), z = tanh(W x + U h_{t-1-delay} + b)
    h = (1 - g) h_prev + g (u + a z),  A = W x + U h_prev + b

The states lag_k hold the h of k steps ago.

Reference: Erichson et al. 2022, arXiv 2212.00228.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

DELAY = 5
_LAGS = tuple(f"lag_{k}" for k in range(1, DELAY + 1))
STATES = ("h", *_LAGS)
_FED_BACK = f"lag_{DELAY}_prev"


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    gates = ("update", "weight", "candidate")
    found = read_shapes(gates, units, {"x": features, "h_prev": units})
    return found | read_shapes("feedback", units, {"x": features, _FED_BACK: units})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and its earlier values, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev = states["h"]
    g, a, u = (
        pre(w, gate, {"x": x, "h_prev": h_prev}) for gate in ("update", "weight", "candidate")
    )
    z = np.tanh(pre(w, "feedback", {"x": x, _FED_BACK: states[_LAGS[-1]]}))
    h = (1 - sigmoid(g)) * h_prev + sigmoid(g) * (np.tanh(u) + sigmoid(a) * z)
    earlier = [h_prev, *(states[lag] for lag in _LAGS[:-1])]
    return h, {"h": h, **dict(zip(_LAGS, earlier, strict=True))}


CASES = {"tau_gru": Case(step, STATES, shapes)}
