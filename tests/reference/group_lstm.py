"""LSTM in groups: each reads its own part of the embedded input and of the hidden state.

    e = E x, of the width of h
    a = [W_1 e_1 + U_1 h_1, W_2 e_2 + U_2 h_2] + b for each gate, e_k and h_k being halves
    i, f, o = sigmoid(a), g = tanh(a)
    c = f c_prev + i g
    h = o tanh(c)

Reference: Kuchaiev & Ginsburg 2017, "Factorization tricks for LSTM networks", arXiv 1703.10722.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid

STATES = ("h", "c")
GATES = ("input", "forget", "output", "candidate")
GROUPS = 2


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    blocks = (GROUPS, units // GROUPS, units // GROUPS)
    found: dict[str, tuple[int, ...]] = {"embedding.x": (features, units)}
    for gate in GATES:
        found |= {f"{gate}.embedding": blocks, f"{gate}.h_prev": blocks, f"{gate}.bias": (units,)}
    return found


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    of_e = np.split(x @ w["embedding.x"], GROUPS, axis=-1)
    of_h = np.split(states["h"], GROUPS, axis=-1)

    def gate(name: str) -> Array:
        parts = [
            e @ w[f"{name}.embedding"][k] + h @ w[f"{name}.h_prev"][k]
            for k, (e, h) in enumerate(zip(of_e, of_h, strict=True))
        ]
        return np.asarray(np.concatenate(parts, axis=-1) + w[f"{name}.bias"])

    c = sigmoid(gate("forget")) * states["c"] + sigmoid(gate("input")) * np.tanh(gate("candidate"))
    h = sigmoid(gate("output")) * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {"group_lstm": Case(step, STATES, shapes)}
