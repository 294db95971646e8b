"""Cells in which a unit reads no other unit's past: recurrent weights are one per unit.

    IndRNN:  h = relu(W x + b + u h_prev); normalised, h = tanh(LN(W x) + b + u h_prev)
    IndyGRU: r, z = sigmoid(W x + u h_prev + b); g = tanh(W x + u (r h_prev) + b)
             h = z h_prev + (1 - z) g
    ParaGRU: the same gates; h = (1 - z) h_prev + z g

References: Li et al. 2018, arXiv 1803.04831; Gonnet & Deselaers 2019, arXiv 1903.08023; Danieli
et al. 2025, arXiv 2510.21450.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .reads import Shapes, pre, read_shapes


def layer_norm(a: Array, scale: Array, epsilon: float = 1e-5) -> Array:
    """Layer normalisation over the last axis: (a - mean) / sqrt(variance + epsilon) * scale."""
    centred = a - np.mean(a, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return np.asarray(scale * centred / np.sqrt(variance + epsilon))


def ind_rnn_shapes(features: int, units: int, normalised: bool = False) -> Shapes:
    """The shapes of the weights of IndRNN by name."""
    found: Shapes = read_shapes("seen", units, {"x": features}) | {"recurrent": (units,)}
    return found | ({"seen.x.scale": (units,)} if normalised else {})


def ind_rnn(x: Array, states: States, w: Weights, normalised: bool = False) -> Stepped:
    """One step of IndRNN: emission batch x units, and the new state h."""
    seen = x @ w["seen.x"]
    if normalised:
        seen = layer_norm(seen, w["seen.x.scale"])
    a = seen + w["seen.bias"] + w["recurrent"] * states["h"]
    h = np.tanh(a) if normalised else maximum(a, np.zeros_like(a))
    return h, {"h": h}


def indy_gru_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of IndyGRU and ParaGRU by name."""
    gates = read_shapes(("reset", "update"), units, {"x": features}, ("h_prev",))
    return gates | read_shapes("candidate", units, {"x": features}, ("reset*h_prev",))


def indy_gru(x: Array, states: States, w: Weights, writes: bool = False) -> Stepped:
    """One step of IndyGRU, or of ParaGRU whose gate is the share that is written."""
    h = states["h"]
    r, z = (sigmoid(pre(w, gate, {"x": x, "h_prev": h})) for gate in ("reset", "update"))
    g = np.tanh(pre(w, "candidate", {"x": x, "reset*h_prev": r * h}))
    h = (1 - z) * h + z * g if writes else z * h + (1 - z) * g
    return h, {"h": h}


CASES = {
    # With few units a step may find them all below zero, and then has no gradient.
    "ind_rnn": Case(ind_rnn, ("h",), ind_rnn_shapes, units=8),
    "layer_norm_ind_rnn": Case(
        partial(ind_rnn, normalised=True),
        ("h",),
        partial(ind_rnn_shapes, normalised=True),
    ),
    "indy_gru": Case(indy_gru, ("h",), indy_gru_shapes),
    "para_gru": Case(partial(indy_gru, writes=True), ("h",), indy_gru_shapes),
}
