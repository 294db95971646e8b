"""Cells that are steps of a differential equation.

    LEM:     s, q = dt sigmoid(A); c = (1 - s) c_prev + s tanh(A)
             h = (1 - q) h_prev + q tanh(W x + V c + b), with the new c
    coRNN:   c = c_prev + dt (tanh(W x + U h_prev + V c_prev + b) - gamma h_prev - epsilon c_prev)
             h = h_prev + dt c
    UnICORNN: e = dt sigmoid(pace); c = c_prev - e (tanh(u h_prev + W x + b) + alpha h_prev)
             h = h_prev + e c
    AntisymmetricRNN: h = h_prev + epsilon tanh((W - W^T - gamma I) h_prev + V x + b)
             with a gate: epsilon sigmoid((W - W^T - gamma I) h_prev + V' x + b') for epsilon

A = W x + U h_prev + b, with weights of its own each time.

References: Rusch et al. 2022, arXiv 2110.04744; Rusch & Mishra 2021, arXiv 2010.00951 and
2103.05487; Chang et al. 2019, arXiv 1902.09689.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, sigmoid
from .reads import Shapes, pre, read_shapes


def lem_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of LEM by name."""
    gates = read_shapes(("fast", "slow", "memory"), units, {"x": features, "h_prev": units})
    return gates | read_shapes("candidate", units, {"x": features, "c": units})


def lem(x: Array, states: States, w: Weights, dt: float = 1.0) -> Stepped:
    """One step of LEM: emission batch x units, and the new states h and c."""
    h = states["h"]
    q, s, m = (pre(w, gate, {"x": x, "h_prev": h}) for gate in ("fast", "slow", "memory"))
    q, s = dt * sigmoid(q), dt * sigmoid(s)
    c = (1 - s) * states["c"] + s * np.tanh(m)
    h = (1 - q) * h + q * np.tanh(pre(w, "candidate", {"x": x, "c": c}))
    return h, {"h": h, "c": c}


def cornn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of coRNN by name."""
    return read_shapes("force", units, {"x": features, "h_prev": units, "c_prev": units})


def cornn(
    x: Array,
    states: States,
    w: Weights,
    dt: float = 0.042,
    gamma: float = 2.7,
    epsilon: float = 4.7,
) -> Stepped:
    """One step of coRNN: emission batch x units, and the new states h and c."""
    h, c = states["h"], states["c"]
    force = np.tanh(pre(w, "force", {"x": x, "h_prev": h, "c_prev": c}))
    c = c + dt * (force - gamma * h - epsilon * c)
    h = h + dt * c
    return h, {"h": h, "c": c}


def unicornn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of UnICORNN by name; ``pace`` enters through a sigmoid."""
    per_unit = {"pace": (units,), "recurrent": (units,)}
    return per_unit | read_shapes("seen", units, {"x": features})


def unicornn(
    x: Array, states: States, w: Weights, dt: float = 0.19, alpha: float = 30.65
) -> Stepped:
    """One step of UnICORNN: emission batch x units, and the new states h and c."""
    h, e = states["h"], dt * sigmoid(w["pace"])
    c = states["c"] - e * (np.tanh(w["recurrent"] * h + pre(w, "seen", {"x": x})) + alpha * h)
    h = h + e * c
    return h, {"h": h, "c": c}


def _antisymmetric(w: Array, h: Array, gamma: float) -> Array:
    # The layer keeps W as it stands in the paper, where it acts from the left.
    return np.asarray(h @ (w - w.T - gamma * np.eye(len(w))).T)


def antisymmetric(
    x: Array, states: States, w: Weights, epsilon: float = 0.1, gamma: float = 0.01
) -> Stepped:
    """One step of AntisymmetricRNN: emission batch x units, and the new state h."""
    h = states["h"]
    recurrent = _antisymmetric(w["candidate.h_prev"], h, gamma)
    h = h + epsilon * np.tanh(recurrent + x @ w["candidate.x"] + w["candidate.bias"])
    return h, {"h": h}


def gated_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the gated AntisymmetricRNN by name."""
    gates = read_shapes(("input", "candidate"), units, {"x": features})
    return gates | {"recurrent.h_prev": (units, units)}


def gated(
    x: Array, states: States, w: Weights, epsilon: float = 0.1, gamma: float = 0.01
) -> Stepped:
    """One step of the gated AntisymmetricRNN: emission batch x units, and the new state h."""
    h = states["h"]
    recurrent = _antisymmetric(w["recurrent.h_prev"], h, gamma)
    z = sigmoid(recurrent + pre(w, "input", {"x": x}))
    h = h + epsilon * z * np.tanh(recurrent + pre(w, "candidate", {"x": x}))
    return h, {"h": h}


CASES = {
    "lem": Case(lem, ("h", "c"), lem_shapes),
    "lem_half": Case(
        partial(lem, dt=0.5), ("h", "c"), lem_shapes, "lem", {"constants": {"dt": 0.5}}
    ),
    "cornn": Case(cornn, ("h", "c"), cornn_shapes),
    "unicornn": Case(unicornn, ("h", "c"), unicornn_shapes),
    "antisymmetric_rnn": Case(antisymmetric, ("h",), partial(dense_shapes, "candidate")),
    "gated_antisymmetric_rnn": Case(gated, ("h",), gated_shapes),
}
