"""LSTMs with more paths to and from the memory.

    i, f, o = sigmoid(a), g = tanh(W x + U h_prev + b), c = f c_prev + i g

    working memory:  a = W x + U h_prev + b + tanh(V c_prev + d), for o with the new c;
                     h = o tanh(c)
    memory control:  every read of h_prev is one of v_prev; m = sigmoid(W x + U v_prev + b);
                     v = m tanh(c); o tanh(c) is emitted and never read
    residual:        a = W x + U h_prev + p c_prev + b, for o with the new c;
                     h = o (P tanh(c) + Q x)

Reference: Landi et al. 2021, arXiv 2109.00020; Ben-Ari & Shwartz-Ziv 2017, NIPS Time Series
Workshop; Kim, El-Khamy & Lee 2017, arXiv 1701.03360; all as torchrecurrent 0.2.5 writes them.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

GATES = ("input", "forget", "output", "candidate")
SEES = {"input": "c_prev", "forget": "c_prev", "output": "c"}


def working_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`working_memory` by name."""
    found = {k: s for gate in GATES for k, s in dense_shapes(gate, features, units).items()}
    for gate, read in SEES.items():
        found |= {f"{gate}_memory.{read}": (units, units), f"{gate}_memory.bias": (units,)}
    return found


def working_memory(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the LSTM with working memory connections: the emission h and the new states."""
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str, memory: Array) -> Array:
        seen = np.tanh(memory @ w[f"{name}_memory.{SEES[name]}"] + w[f"{name}_memory.bias"])
        return sigmoid(affine(w, name, x, h_prev) + seen)

    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = gate("forget", c_prev) * c_prev + gate("input", c_prev) * g
    h = gate("output", c) * np.tanh(c)
    return h, {"h": h, "c": c}


def control_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`memory_control` by name."""
    found: dict[str, tuple[int, ...]] = {}
    for gate in (*GATES, "control"):
        found[f"{gate}.x"] = (features, units)
        found[f"{gate}.v_prev"] = (units, units)
        found[f"{gate}.bias"] = (units,)
    return found


def memory_control(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the memory-controller LSTM: the emission and the new states."""
    a = {
        gate: x @ w[f"{gate}.x"] + states["v"] @ w[f"{gate}.v_prev"] + w[f"{gate}.bias"]
        for gate in (*GATES, "control")
    }
    c = sigmoid(a["forget"]) * states["c"] + sigmoid(a["input"]) * np.tanh(a["candidate"])
    return sigmoid(a["output"]) * np.tanh(c), {"c": c, "v": sigmoid(a["control"]) * np.tanh(c)}


def residual_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`residual` by name."""
    found = {k: s for gate in GATES for k, s in dense_shapes(gate, features, units).items()}
    found |= {f"{gate}.{read}": (units,) for gate, read in SEES.items()}
    return found | {"shown.tanh(c)": (units, units), "shown.x": (features, units)}


def residual(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the residual LSTM: the emission h and the new states."""
    h_prev, c_prev = states["h"], states["c"]

    def gate(name: str, memory: Array) -> Array:
        return sigmoid(affine(w, name, x, h_prev) + w[f"{name}.{SEES[name]}"] * memory)

    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = gate("forget", c_prev) * c_prev + gate("input", c_prev) * g
    h = gate("output", c) * (np.tanh(c) @ w["shown.tanh(c)"] + x @ w["shown.x"])
    return h, {"h": h, "c": c}


CASES = {
    "wmc_lstm": Case(working_memory, ("h", "c"), working_shapes),
    "memory_control_lstm": Case(memory_control, ("c", "v"), control_shapes),
    "res_lstm": Case(residual, ("h", "c"), residual_shapes),
}
