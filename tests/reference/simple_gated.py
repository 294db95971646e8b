"""Units whose gate shares the projection of the input, or multiplies the state by it.

    SGRN: p = W x + b, f = sigmoid(p + U h_prev + b); h = tanh((1 - f) p + f h_prev)
    SGU:  p = W x + b, q = tanh(U (p h_prev)), z = hard_sigmoid(W x + U h_prev + b)
          h = (1 - z) h_prev + z softplus(q h_prev)
    DSGU: the same with sigmoid(V (q h_prev)) for the softplus

hard_sigmoid(a) = a / 5 + 1/2, cut off at 0 and 1.

References: Zu & Wei 2020, doi 10.1049/gtd2.12056; Gao & Glowacka 2016, arXiv 1604.02910,
and the first author's code (gaoyuankidult/einstein).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, maximum, sigmoid, softplus
from .reads import Shapes, pre, read_shapes


def _hard_sigmoid(a: Array) -> Array:
    raised = maximum(a / 5 + 0.5, np.zeros_like(a))
    return -maximum(-raised, -np.ones_like(a))


def sgrn_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of SGRN by name."""
    seen = read_shapes("seen", units, {"x": features})
    return seen | read_shapes("forget", units, {"h_prev": units})


def sgrn(x: Array, states: States, w: Weights) -> Stepped:
    """One step of SGRN: emission batch x units, and the new state h."""
    h, p = states["h"], pre(w, "seen", {"x": x})
    f = sigmoid(p + pre(w, "forget", {"h_prev": h}))
    h = np.tanh((1 - f) * p + f * h)
    return h, {"h": h}


def sgu_shapes(features: int, units: int, deep: bool = False) -> Shapes:
    """The shapes of the weights of SGU and DSGU by name."""
    found = read_shapes("seen", units, {"x": features})
    found |= read_shapes("filter", units, {"seen*h_prev": units}, bias=False)
    found |= dense_shapes("update", features, units)
    return found | ({"candidate.filter*h_prev": (units, units)} if deep else {})


def sgu(x: Array, states: States, w: Weights, deep: bool = False) -> Stepped:
    """One step of SGU or DSGU: emission batch x units, and the new state h."""
    h = states["h"]
    p = pre(w, "seen", {"x": x})
    q = np.tanh(pre(w, "filter", {"seen*h_prev": p * h}, False))
    z = _hard_sigmoid(pre(w, "update", {"x": x, "h_prev": h}))
    out = sigmoid((q * h) @ w["candidate.filter*h_prev"]) if deep else softplus(q * h)
    h = (1 - z) * h + z * out
    return h, {"h": h}


CASES = {
    "sgrn": Case(sgrn, ("h",), sgrn_shapes),
    "sgu": Case(sgu, ("h",), sgu_shapes),
    "dsgu": Case(partial(sgu, deep=True), ("h",), partial(sgu_shapes, deep=True)),
}
