"""Gated recurrent unit, the reset gate acting after the recurrent product (as in cuDNN and Keras).

    r, z = sigmoid(W x + U h_prev + b), each with its own weights
    a = U h_prev + b_a                        the linear gate "recurrent", with a bias of its own
    g = tanh(W x + b_g + r a)
    h = z h_prev + (1 - z) g

Keras has two biases in r and z as well; only their sum matters, so that here they have one.

Reference: Cho et al. 2014, arXiv 1406.1078 v1; NVIDIA cuDNN;
``keras.layers.GRU(reset_after=True)``.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("reset", "update")
    dense = {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}
    return dense | {
        "recurrent.h_prev": (units, units),
        "recurrent.bias": (units,),
        "candidate.x": (features, units),
        "candidate.bias": (units,),
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
    h_prev = states["h"]
    r = sigmoid(affine(w, "reset", x, h_prev))
    z = sigmoid(affine(w, "update", x, h_prev))
    recurrent = h_prev @ w["recurrent.h_prev"] + w["recurrent.bias"]
    g = np.tanh(x @ w["candidate.x"] + w["candidate.bias"] + r * recurrent)
    h = z * h_prev + (1 - z) * g
    return h, {"h": h}


CASES = {"gru_reset_after": Case(step, STATES, shapes)}
