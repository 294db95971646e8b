"""Quasi-recurrent networks with a convolution of width 2: gates of this input and the last one.

    z = tanh(W x + V x_prev + b); f, o, i = sigmoid(W x + V x_prev + b)
    f-pooling:    h = f h_prev + (1 - f) z
    fo-pooling:   c = f c_prev + (1 - f) z,  h = o c
    ifo-pooling:  c = f c_prev + i z,        h = o c

Reference: Bradbury et al. 2017, arXiv 1611.01576.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

FEATURES = 2


def _shapes(gates: tuple[str, ...], features: int, units: int) -> Shapes:
    return read_shapes(gates, units, {"x": features, "x_prev": features})


def _convolved(x: Array, states: States, w: Weights, gate: str) -> Array:
    return pre(w, gate, {"x": x, "x_prev": states["x"]})


def step_f(x: Array, states: States, w: Weights) -> Stepped:
    """One step of f-pooling: emission batch x units, and the new states h and x."""
    z = np.tanh(_convolved(x, states, w, "candidate"))
    f = sigmoid(_convolved(x, states, w, "forget"))
    h = f * states["h"] + (1 - f) * z
    return h, {"h": h, "x": x}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step of fo-pooling: emission batch x units, and the new states c and x."""
    z = np.tanh(_convolved(x, states, w, "candidate"))
    f, o = (sigmoid(_convolved(x, states, w, gate)) for gate in ("forget", "output"))
    c = f * states["c"] + (1 - f) * z
    return o * c, {"c": c, "x": x}


def step_ifo(x: Array, states: States, w: Weights) -> Stepped:
    """One step of ifo-pooling: emission batch x units, and the new states c and x."""
    z = np.tanh(_convolved(x, states, w, "candidate"))
    i, f, o = (sigmoid(_convolved(x, states, w, gate)) for gate in ("input", "forget", "output"))
    c = f * states["c"] + i * z
    return o * c, {"c": c, "x": x}


def _widths(units: int) -> dict[str, int]:
    return {"x": FEATURES}


CASES = {
    "qrnn_f": Case(
        step_f,
        ("h", "x"),
        lambda features, units: _shapes(("forget", "candidate"), features, units),
        widths=_widths,
        features=FEATURES,
    ),
    "qrnn": Case(
        step,
        ("c", "x"),
        lambda features, units: _shapes(("forget", "output", "candidate"), features, units),
        widths=_widths,
        features=FEATURES,
    ),
    "qrnn_ifo": Case(
        step_ifo,
        ("c", "x"),
        lambda features, units: _shapes(
            ("input", "forget", "output", "candidate"), features, units
        ),
        widths=_widths,
        features=FEATURES,
    ),
}
