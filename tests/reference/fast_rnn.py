"""FastRNN and FastGRNN, and the low-rank LSTM and GRU of the same paper.

    FastRNN:  h = sigmoid(beta) h_prev + sigmoid(alpha) tanh(W x + U h_prev + b)
    FastGRNN: a = W x + U h_prev; z = sigmoid(a + b_z); g = tanh(a + b_g)
              h = z h_prev + (sigmoid(zeta) (1 - z) + sigmoid(nu)) g
    low rank: W = L R and U = L R; the LSTM's gates share L

Reference: Kusupati et al. 2018, arXiv 1901.02358.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

RANK = 3
_LSTM = ("input", "forget", "output", "candidate")


def fast_rnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of FastRNN by name; alpha and beta enter through a sigmoid."""
    scalars: Shapes = {"alpha": (1,), "beta": (1,)}
    return scalars | read_shapes("candidate", units, {"x": features, "h_prev": units})


def fast_rnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of FastRNN: emission batch x units, and the new state h."""
    h = states["h"]
    g = np.tanh(pre(w, "candidate", {"x": x, "h_prev": h}))
    h = sigmoid(w["beta"]) * h + sigmoid(w["alpha"]) * g
    return h, {"h": h}


def fast_grnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of FastGRNN by name; zeta and nu enter through a sigmoid."""
    scalars: Shapes = {"zeta": (1,), "nu": (1,)}
    shared = read_shapes("shared", units, {"x": features, "h_prev": units}, bias=False)
    return scalars | shared | read_shapes(("update", "candidate"), units, {})


def fast_grnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of FastGRNN: emission batch x units, and the new state h."""
    h = states["h"]
    a = pre(w, "shared", {"x": x, "h_prev": h}, bias=False)
    z = sigmoid(a + w["update.bias"])
    g = np.tanh(a + w["candidate.bias"])
    h = z * h + (sigmoid(w["zeta"]) * (1 - z) + sigmoid(w["nu"])) * g
    return h, {"h": h}


def lstm_lr_shapes(features: int, units: int, rank: int = RANK) -> Shapes:
    """The shapes of the weights of the low-rank LSTM by name."""
    factors = read_shapes("input_factor", rank, {"x": features}, bias=False)
    factors |= read_shapes("recurrent_factor", rank, {"h_prev": units}, bias=False)
    reads = {"input_factor": rank, "recurrent_factor": rank}
    return factors | read_shapes(_LSTM, units, reads)


def lstm_lr(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the low-rank LSTM: emission batch x units, and the new states h and c."""
    left_x, left_h = w["input_factor.x"], w["recurrent_factor.h_prev"]
    i, f, o, g = (
        x @ (left_x @ w[f"{gate}.input_factor"])
        + states["h"] @ (left_h @ w[f"{gate}.recurrent_factor"])
        + w[f"{gate}.bias"]
        for gate in _LSTM
    )
    c = sigmoid(f) * states["c"] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, {"h": h, "c": c}


def gru_lr_shapes(features: int, units: int, rank: int = 8) -> Shapes:
    """The shapes of the weights of the low-rank GRU by name."""
    found: Shapes = {}
    for gate, recalled in (("reset", ""), ("update", ""), ("candidate", "reset*")):
        for text, width in (("x", features), (f"{recalled}h_prev", units)):
            found[f"{gate}.{text}.left"] = (width, rank)
            found[f"{gate}.{text}.right"] = (rank, units)
        found[f"{gate}.bias"] = (units,)
    return found


def gru_lr(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the low-rank GRU: emission batch x units, and the new state h."""

    def a(gate: str, text: str, u: Array) -> Array:
        recurrent = w[f"{gate}.{text}.left"] @ w[f"{gate}.{text}.right"]
        result: Array = x @ (w[f"{gate}.x.left"] @ w[f"{gate}.x.right"]) + u @ recurrent
        return result + w[f"{gate}.bias"]

    h = states["h"]
    r, z = sigmoid(a("reset", "h_prev", h)), sigmoid(a("update", "h_prev", h))
    g = np.tanh(a("candidate", "reset*h_prev", r * h))
    h = z * h + (1 - z) * g
    return h, {"h": h}


CASES = {
    "fast_rnn": Case(fast_rnn, ("h",), fast_rnn_shapes),
    "fast_grnn": Case(fast_grnn, ("h",), fast_grnn_shapes),
    "lstm_lr": Case(lstm_lr, ("h", "c"), partial(lstm_lr_shapes, rank=8)),
    "lstm_lr_rank": Case(
        lstm_lr, ("h", "c"), lstm_lr_shapes, "lstm_lr", {"constants": {"rank": RANK}}
    ),
    "gru_lr": Case(gru_lr, ("h",), gru_lr_shapes),
}
