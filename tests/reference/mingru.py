"""minGRU: gates and candidate read the input only, so that the state enters linearly.

    z = sigmoid(W x + b)
    g = a + 1/2 where a >= 0, else sigmoid(a); a = W x + b
    h = (1 - z) h_prev + z g

Reference: Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201 (with the positive
candidate of the paper's log-space form).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    return {
        f"{gate}.{read}": shape
        for gate in ("update", "candidate")
        for read, shape in (("x", (features, units)), ("bias", (units,)))
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    z = sigmoid(x @ w["update.x"] + w["update.bias"])
    a = x @ w["candidate.x"] + w["candidate.bias"]
    g = np.where(np.real(a) >= 0, a + 0.5, sigmoid(a))
    h = (1 - z) * states["h"] + z * g
    return h, {"h": h}


CASES = {"mingru": Case(step, STATES, shapes)}
