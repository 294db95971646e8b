"""Recurrent networks whose recurrent matrix is constrained, frozen, or starts from the identity.

    expRNN:       h = modrelu(W x + exp(A - A^T) h_prev, b), modrelu(a, b) = sign(a) relu(|a| + b)
    Lipschitz RNN: A = (1 - beta) (M + M^T) + beta (M - M^T) - gamma I, likewise B of N
                  h = h_prev + epsilon (A h_prev + tanh(B h_prev + W x + b))
                  with a gate: epsilon sigmoid(B h_prev + V x + b') for epsilon
    ESN:          h = (1 - leak) h_prev + leak tanh(W x + U h_prev + b), no weight trained
    IRNN:         h = relu(W x + U h_prev + b)

Matrices act from the right here, as in the layer.

References: Lezcano-Casado & Martinez-Rubio 2019, arXiv 1901.08428; Erichson et al. 2021, arXiv
2006.12070; Jaeger 2001, GMD report 148; Jaeger et al. 2007, doi 10.1016/j.neunet.2007.04.016; Le
et al. 2015, arXiv 1504.00941.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, maximum, sigmoid
from .reads import Shapes, pre, read_shapes


def exponential(a: Array, terms: int = 60) -> Array:
    """The exponential of a small matrix, by its series."""
    total = power = np.eye(len(a), dtype=a.dtype)
    for k in range(1, terms):
        power = power @ a / k
        total = total + power
    return total


def exp_rnn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of expRNN by name."""
    matrices = {"seen.x": (features, units), "turned.h_prev": (units, units)}
    return matrices | {"threshold": (units,)}


def exp_rnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of expRNN: emission batch x units, and the new state h."""
    a = w["turned.h_prev"]
    pre_activation = x @ w["seen.x"] + states["h"] @ exponential(a - a.T)
    sign = np.sign(np.real(pre_activation))
    size = sign * pre_activation + w["threshold"]
    h = sign * maximum(size, np.zeros_like(size))
    return h, {"h": h}


def _lipschitz(m: Array, beta: float = 0.8, gamma: float = 0.01) -> Array:
    return np.asarray((1 - beta) * (m + m.T) + beta * (m - m.T) - gamma * np.eye(len(m)))


def lipschitz_shapes(features: int, units: int, gated: bool = False) -> Shapes:
    """The shapes of the weights of the Lipschitz RNN by name."""
    found: Shapes = {"drift.h_prev": (units, units)}
    found[f"{'recurrent' if gated else 'candidate'}.h_prev"] = (units, units)
    return found | read_shapes(["candidate", "input"][: 1 + gated], units, {"x": features})


def lipschitz(
    x: Array, states: States, w: Weights, gated: bool = False, epsilon: float = 0.01
) -> Stepped:
    """One step of the Lipschitz RNN: emission batch x units, and the new state h."""
    h = states["h"]
    recurrent = h @ _lipschitz(w["recurrent.h_prev" if gated else "candidate.h_prev"])
    change = np.tanh(recurrent + x @ w["candidate.x"] + w["candidate.bias"])
    change = h @ _lipschitz(w["drift.h_prev"]) + change
    if gated:
        change = change * sigmoid(recurrent + pre(w, "input", {"x": x}))
    h = h + epsilon * change
    return h, {"h": h}


def esn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the echo state network by name."""
    reads = {"x": features, "h_prev": units}
    return read_shapes("drive", units, reads, bias=False) | {"offset": (units,)}


def esn(x: Array, states: States, w: Weights, leak: float = 1.0) -> Stepped:
    """One step of the echo state network: emission batch x units, and the new state h."""
    h = states["h"]
    g = np.tanh(pre(w, "drive", {"x": x, "h_prev": h}, bias=False) + w["offset"])
    h = (1 - leak) * h + leak * g
    return h, {"h": h}


def irnn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the IRNN: emission batch x units, and the new state h."""
    a = pre(w, "candidate", {"x": x, "h_prev": states["h"]})
    h = maximum(a, np.zeros_like(a))
    return h, {"h": h}


CASES = {
    "exp_rnn": Case(exp_rnn, ("h",), exp_rnn_shapes),
    "lipschitz_rnn": Case(lipschitz, ("h",), lipschitz_shapes),
    "lipschitz_rnn_gated": Case(
        partial(lipschitz, gated=True), ("h",), partial(lipschitz_shapes, gated=True)
    ),
    "esn": Case(esn, ("h",), esn_shapes),
    "leaky_esn": Case(partial(esn, leak=0.3), ("h",), esn_shapes),
    # With few units a step may find them all below zero, and then has no gradient.
    "irnn": Case(irnn, ("h",), partial(dense_shapes, "candidate"), units=8),
}
