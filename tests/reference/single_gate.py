"""Cells with one gate, or with two that are made of few parts.

    UGRNN:      z = sigmoid(A), g = tanh(A); h = z h_prev + (1 - z) g
    +RNN:       p = W x + b; z, d = sigmoid(A), g = tanh(A), y = relu(A), all of p and h_prev
                h = z h_prev + (1 - z) g; emits d p + (1 - d) y
    CFN:        f, i = sigmoid(A); h = f tanh(h_prev) + i tanh(W x)
    MinimalRNN: v = tanh(W x + b); u = sigmoid(U h_prev + V v + b); h = u h_prev + (1 - u) v
    RAN:        i, f = sigmoid(A); c = f c_prev + i W x; h = tanh(c)
    ATR:        p = W x + b, q = U h_prev + b; h = sigmoid(p + q) p + sigmoid(p - q) h_prev
    LRN:        q, k, v = W x + b; h = tanh(sigmoid(q + h_prev) v + sigmoid(k - h_prev) h_prev)
    STAR:       k = sigmoid(A), v = tanh(W x + b); h = tanh((1 - k) h_prev + k v)

A = W x + U h_prev + b, with weights of its own each time.

References: Collins et al. 2017, arXiv 1611.09913; Laurent & von Brecht 2017, arXiv 1612.06212;
Chen 2017, arXiv 1711.06788; Lee et al. 2017, arXiv 1705.07393; Zhang et al. 2018, arXiv
1810.12546; Zhang & Sennrich 2019, arXiv 1905.13324; Turkoglu et al. 2022, arXiv 1911.11033.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, maximum, sigmoid
from .reads import Shapes, pre, read_shapes


def _affine(w: Weights, gate: str, x: Array, states: States) -> Array:
    return pre(w, gate, {"x": x, "h_prev": states["h"]})


def ugrnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of UGRNN by name."""
    return dense_shapes("update", features, units) | dense_shapes("candidate", features, units)


def ugrnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of UGRNN: emission batch x units, and the new state h."""
    z, g = sigmoid(_affine(w, "update", x, states)), np.tanh(_affine(w, "candidate", x, states))
    h = z * states["h"] + (1 - z) * g
    return h, {"h": h}


def intersection_shapes(features: int, units: int, project: bool = True) -> Shapes:
    """The shapes of the weights of +RNN by name."""
    gates = ("update", "candidate", "depth", "shown")
    found = read_shapes(gates, units, {"projected": units, "h_prev": units})
    return found | (read_shapes("projected", units, {"x": features}) if project else {})


def intersection(x: Array, states: States, w: Weights, project: bool = True) -> Stepped:
    """One step of +RNN: emission batch x units, and the new state h."""
    p, h_prev = pre(w, "projected", {"x": x}) if project else x, states["h"]
    z, g, d, y = (
        pre(w, gate, {"projected": p, "h_prev": h_prev})
        for gate in ("update", "candidate", "depth", "shown")
    )
    h = sigmoid(z) * h_prev + (1 - sigmoid(z)) * np.tanh(g)
    return sigmoid(d) * p + (1 - sigmoid(d)) * maximum(y, np.zeros_like(y)), {"h": h}


def cfn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of CFN by name."""
    gates = dense_shapes("forget", features, units) | dense_shapes("input", features, units)
    return gates | {"candidate.x": (features, units)}


def cfn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of CFN: emission batch x units, and the new state h."""
    f, i = sigmoid(_affine(w, "forget", x, states)), sigmoid(_affine(w, "input", x, states))
    h = f * np.tanh(states["h"]) + i * np.tanh(x @ w["candidate.x"])
    return h, {"h": h}


def minimal_rnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of MinimalRNN by name."""
    update = read_shapes("update", units, {"h_prev": units, "latent": units})
    return update | read_shapes("latent", units, {"x": features})


def minimal_rnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of MinimalRNN: emission batch x units, and the new state h."""
    v = np.tanh(pre(w, "latent", {"x": x}))
    u = sigmoid(pre(w, "update", {"h_prev": states["h"], "latent": v}))
    h = u * states["h"] + (1 - u) * v
    return h, {"h": h}


def ran_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of RAN by name."""
    gates = read_shapes(("input", "forget"), units, {"x": features, "h_prev": units})
    return gates | {"content.x": (features, units)}


def ran(x: Array, states: States, w: Weights) -> Stepped:
    """One step of RAN: emission batch x units, and the new states h and c."""
    i, f = sigmoid(_affine(w, "input", x, states)), sigmoid(_affine(w, "forget", x, states))
    c = i * (x @ w["content.x"]) + f * states["c"]
    return np.tanh(c), {"h": np.tanh(c), "c": c}


def atr_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of ATR by name."""
    recalled = read_shapes("recalled", units, {"h_prev": units})
    return read_shapes("seen", units, {"x": features}) | recalled


def atr(x: Array, states: States, w: Weights, squash: bool = False) -> Stepped:
    """One step of ATR: emission batch x units, and the new state h; ``squash`` adds a tanh."""
    p, q = pre(w, "seen", {"x": x}), pre(w, "recalled", {"h_prev": states["h"]})
    h = sigmoid(p + q) * p + sigmoid(p - q) * states["h"]
    h = np.tanh(h) if squash else h
    return h, {"h": h}


def lrn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of LRN by name."""
    return read_shapes(("query", "key", "value"), units, {"x": features})


def lrn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of LRN: emission batch x units, and the new state h."""
    q, k, v = (pre(w, gate, {"x": x}) for gate in ("query", "key", "value"))
    h = states["h"]
    h = np.tanh(sigmoid(q + h) * v + sigmoid(k - h) * h)
    return h, {"h": h}


def star_shapes(features: int, units: int, gate: str = "update") -> Shapes:
    """The shapes of the weights of STAR by name."""
    candidate = read_shapes("candidate", units, {"x": features})
    return dense_shapes(gate, features, units) | candidate


def star(x: Array, states: States, w: Weights) -> Stepped:
    """One step of STAR: emission batch x units, and the new state h."""
    k = sigmoid(_affine(w, "update", x, states))
    v = np.tanh(pre(w, "candidate", {"x": x}))
    h = np.tanh((1 - k) * states["h"] + k * v)
    return h, {"h": h}


def star_janet(x: Array, states: States, w: Weights, beta: float = 1.0) -> Stepped:
    """One step of STAR as its authors run it: emission batch x units, and the new state h."""
    s = _affine(w, "forget", x, states)
    v = np.tanh(pre(w, "candidate", {"x": x}))
    h = np.tanh(sigmoid(s) * states["h"] + (1 - sigmoid(s - beta)) * v)
    return h, {"h": h}


CASES = {
    "ugrnn": Case(ugrnn, ("h",), ugrnn_shapes),
    "intersection_rnn": Case(intersection, ("h",), intersection_shapes),
    "intersection_rnn_equal_widths": Case(
        partial(intersection, project=False),
        ("h",),
        partial(intersection_shapes, project=False),
        "intersection_rnn",
        {"gates": {"projected": {"reads": {"x": "identity"}, "bias": False}}},
        features=4,
    ),
    "cfn": Case(cfn, ("h",), cfn_shapes),
    "minimal_rnn": Case(minimal_rnn, ("h",), minimal_rnn_shapes),
    "ran": Case(ran, ("h", "c"), ran_shapes),
    "atr": Case(atr, ("h",), atr_shapes),
    "atr_tanh": Case(partial(atr, squash=True), ("h",), atr_shapes),
    "lrn": Case(lrn, ("h",), lrn_shapes),
    "star": Case(star, ("h",), star_shapes),
    "star_janet": Case(star_janet, ("h",), partial(star_shapes, gate="forget")),
}
