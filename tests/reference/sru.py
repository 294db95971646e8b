"""Simple recurrent unit, in its published form and in its first one.

    f = sigmoid(W x + v c_prev + b), r = sigmoid(W x + v c_prev + b), v a weight per unit
    c = f c_prev + (1 - f) W x
    h = r c + (1 - r) x'

x' is x itself where units and features are equal, else a projection of it. The first version has
no v, and r tanh(c) for r c.

Reference: Lei et al. 2018, arXiv 1709.02755.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid
from .reads import Shapes, pre, read_shapes

STATES = ("c",)


def shapes(features: int, units: int, first: bool = False, project: bool = True) -> Shapes:
    """The shapes of the weights by name."""
    per_unit = () if first else ("c_prev",)
    linear = ("candidate", "skip") if project else ("candidate",)
    gates = read_shapes(("forget", "reset"), units, {"x": features}, per_unit)
    return gates | read_shapes(linear, units, {"x": features}, bias=False)


def step(
    x: Array, states: States, w: Weights, first: bool = False, project: bool = True
) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: c, batch x units.
        w: weights by name, see :func:`shapes`.
        first: the first version.
        project: x' is a projection.

    Returns:
        The emission h, batch x units, and the new state.
    """
    reads = {"x": x} if first else {"x": x, "c_prev": states["c"]}
    f, r = (sigmoid(pre(w, gate, reads)) for gate in ("forget", "reset"))
    c = f * states["c"] + (1 - f) * pre(w, "candidate", {"x": x}, bias=False)
    skip = pre(w, "skip", {"x": x}, bias=False) if project else x
    return r * (np.tanh(c) if first else c) + (1 - r) * skip, {"c": c}


_ITSELF: dict[str, Any] = {"gates": {"skip": {"reads": {"x": "identity"}}}}

CASES = {
    "sru": Case(step, STATES, shapes),
    "sru_highway": Case(
        partial(step, project=False),
        STATES,
        partial(shapes, project=False),
        "sru",
        _ITSELF,
        features=4,
    ),
    "sru_v1": Case(partial(step, first=True), STATES, partial(shapes, first=True)),
}
