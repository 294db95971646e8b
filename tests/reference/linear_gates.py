"""Linear recurrences whose gates read the input only.

minLSTM: f, i = sigmoid(W x + b), scaled to f / (f + i) and i / (f + i);
    g = a + 1/2 where a >= 0, else sigmoid(a), a = W x + b; h = f' h_prev + i' g
GILR: g = sigmoid(W x + b); h = g h_prev + (1 - g) tanh(V x + c)
SSRU: f = sigmoid(W x + b); c = f c_prev + (1 - f) V x; h = relu(c)
HGRN: f = sigmoid(W x), k = lower + (1 - lower) f; h = k h_prev + (1 - k) silu(V x);
    out = silu(G x) s h / rms(h), rms(h) = sqrt(mean(h^2) + 1e-5)

References: Feng et al. 2024, arXiv 2410.01201; Martin & Cundy 2018, arXiv 1709.04057; Kim et al.
2019, doi 10.18653/v1/D19-5632; Qin et al. 2023, arXiv 2311.04823 (real states, as in the code of
the second author).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .reads import Shapes, pre, read_shapes


def minlstm_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of minLSTM by name."""
    return read_shapes(("forget", "input", "candidate"), units, {"x": features})


def minlstm(x: Array, states: States, w: Weights) -> Stepped:
    """One step of minLSTM: emission batch x units, and the new state h."""
    f, i = (sigmoid(pre(w, gate, {"x": x})) for gate in ("forget", "input"))
    a = pre(w, "candidate", {"x": x})
    g = np.where(np.real(a) >= 0, a + 0.5, sigmoid(a))
    h = f / (f + i) * states["h"] + i / (f + i) * g
    return h, {"h": h}


def gilr_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of GILR by name."""
    return read_shapes(("forget", "candidate"), units, {"x": features})


def gilr(x: Array, states: States, w: Weights) -> Stepped:
    """One step of GILR: emission batch x units, and the new state h."""
    g = sigmoid(pre(w, "forget", {"x": x}))
    h = g * states["h"] + (1 - g) * np.tanh(pre(w, "candidate", {"x": x}))
    return h, {"h": h}


def ssru_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of SSRU by name."""
    candidate = read_shapes("candidate", units, {"x": features}, bias=False)
    return read_shapes("forget", units, {"x": features}) | candidate


def ssru(x: Array, states: States, w: Weights) -> Stepped:
    """One step of SSRU: emission batch x units, and the new state c."""
    f = sigmoid(pre(w, "forget", {"x": x}))
    c = f * states["c"] + (1 - f) * pre(w, "candidate", {"x": x}, bias=False)
    return maximum(c, np.zeros_like(c)), {"c": c}


def hgrn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of HGRN by name."""
    gates = ("forget", "candidate", "output")
    return read_shapes(gates, units, {"x": features}, bias=False) | {"scale": (units,)}


def hgrn(x: Array, states: States, w: Weights, lower: float = 0.0) -> Stepped:
    """One step of HGRN; ``lower`` is the layer's lower bound of the forget gate."""
    f = sigmoid(pre(w, "forget", {"x": x}, bias=False))
    v = pre(w, "candidate", {"x": x}, bias=False)
    g = pre(w, "output", {"x": x}, bias=False)
    keep = lower + (1 - lower) * f
    h = keep * states["h"] + v * sigmoid(v) * (1 - keep)
    rms = np.sqrt(np.mean(h * h, axis=-1, keepdims=True) + 1e-5)
    return g * sigmoid(g) * w["scale"] * h / rms, {"h": h}


CASES = {
    "minlstm": Case(minlstm, ("h",), minlstm_shapes),
    "gilr": Case(gilr, ("h",), gilr_shapes),
    "ssru": Case(ssru, ("c",), ssru_shapes),
    "hgrn": Case(hgrn, ("h",), hgrn_shapes),
    "hgrn_lower_bound": Case(
        partial(hgrn, lower=0.25), ("h",), hgrn_shapes, "hgrn", {"constants": {"lower_bound": 0.25}}
    ),
}
