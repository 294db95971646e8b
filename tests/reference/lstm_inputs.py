"""LSTMs that read more than a sequence: the time between its steps, or static attributes.

    time-aware:    s = tanh(V c_prev + d), the short-term part of the memory
                   a = c_prev - s + s / log(e + |dt|)
                   c = f a + i g, the gates and h as in the LSTM
    entity-aware:  i = sigmoid(W s + b), of the static attributes s alone
                   the rest as in the LSTM

Further inputs are the last columns of x.

Reference: Baytas et al. 2017, doi 10.1145/3097983.3097997, and the authors' first code; Kratzert et
al. 2019, doi 10.5194/hess-23-5089-2019, and the authors' library.
"""

from __future__ import annotations

import numpy as np

from . import lstm
from .case import Case
from .functions import Array, States, Stepped, Weights, affine, maximum, sigmoid

STATIC = 4


def time_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`time_aware` by name."""
    more = {"short_term.c_prev": (units, units), "short_term.bias": (units,)}
    return lstm.shapes(features, units) | more


def time_aware(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the time-aware LSTM: the emission h and the new states."""
    x, dt = x[:, :-1], x[:, -1:]
    s = np.tanh(states["c"] @ w["short_term.c_prev"] + w["short_term.bias"])
    adjusted = states["c"] - s + s / np.log(np.e + maximum(dt, -dt))
    return lstm.step(x, {"h": states["h"], "c": adjusted}, w)


def entity_shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights of :func:`entity_aware` by name."""
    found = lstm.shapes(features, units)
    del found["input.x"], found["input.h_prev"]
    return found | {"input.static": (STATIC, units)}


def entity_aware(x: Array, states: States, w: Weights) -> Stepped:
    """One step of the entity-aware LSTM: the emission h and the new states."""
    x, static = x[:, :-STATIC], x[:, -STATIC:]
    i = sigmoid(static @ w["input.static"] + w["input.bias"])
    f, o, g = (affine(w, k, x, states["h"]) for k in ("forget", "output", "candidate"))
    c = sigmoid(f) * states["c"] + i * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {
    "time_aware_lstm": Case(time_aware, lstm.STATES, time_shapes, inputs={"dt": 1}),
    "ea_lstm": Case(entity_aware, lstm.STATES, entity_shapes, inputs={"static": STATIC}),
}
