"""Structurally constrained recurrent network: slow context units beside fast hidden ones.

    s = (1 - alpha) B x + alpha s_prev, narrower than h
    h = sigmoid(P s + A x + R h_prev)
    y = U h + V s, the decoder's input, without its softmax

Reference: Mikolov et al. 2014, "Learning longer memory in recurrent neural networks", arXiv
1412.7753.
"""

from __future__ import annotations

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h", "context")
ALPHA = 0.95


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name; the context is half as wide as h."""
    contexts = units // 2
    return {
        "slow.x": (features, contexts),
        "h.x": (features, units),
        "h.h_prev": (units, units),
        "h.context": (contexts, units),
        "readout.h": (units, units),
        "readout.context": (contexts, units),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units, and the context, batch x contexts.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission y, batch x units, and the new states.
    """
    s = (1 - ALPHA) * (x @ w["slow.x"]) + ALPHA * states["context"]
    h = sigmoid(s @ w["h.context"] + x @ w["h.x"] + states["h"] @ w["h.h_prev"])
    y: Array = h @ w["readout.h"] + s @ w["readout.context"]
    return y, {"h": h, "context": s}


CASES = {"scrn": Case(step, STATES, shapes, widths=lambda units: {"context": units // 2})}
