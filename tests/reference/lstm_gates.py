"""LSTMs whose memory keeps and writes by other shares than two free gates.

    f, i, r, o = sigmoid(W x + U h_prev + b), each with its own weights
    g = tanh(W x + U h_prev + b)
    c = k c_prev + s g
    h = o tanh(c)

    capped: k = f, s = min(1 - f, i)
    U:      k = f, s = 1 - f                     (its bias starts elsewhere)
    R:      k = (1 - 2 r) f^2 + 2 r f, s = 1 - k
    GT, UT: R with r = f, so k = 3 f^2 - 2 f^3   (they start differently)

Reference: Melis, Dyer & Blunsom 2018, arXiv 1707.05589, and its code lamb (capped); Gu et al. 2020,
arXiv 1910.09890, and the gates of the authors' code.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, maximum, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int, kind: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    more = {"capped": ("input",), "R": ("refine",)}.get(kind, ())
    gates = ("forget", "output", "candidate", *more)
    return {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}


def step(x: Array, states: States, w: Weights, kind: str) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.
        kind: ``capped``, ``U``, ``R`` or ``T`` (refine gate tied to the forget gate).

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]
    f = sigmoid(affine(w, "forget", x, h_prev))
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    keep, write = f, 1 - f
    if kind == "capped":
        i = sigmoid(affine(w, "input", x, h_prev))
        write = -maximum(-i, f - 1)
    elif kind == "R":
        r = sigmoid(affine(w, "refine", x, h_prev))
        keep = r * (1 - (1 - f) ** 2) + (1 - r) * f**2
        write = 1 - keep
    elif kind == "T":
        keep = 3 * f**2 - 2 * f**3
        write = 1 - keep
    c = keep * c_prev + write * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


_KINDS = {"capped_lstm": "capped", "u_lstm": "U", "r_lstm": "R", "gt_lstm": "T", "ut_lstm": "T"}
CASES = {
    name: Case(partial(step, kind=kind), STATES, partial(shapes, kind=kind))
    for name, kind in _KINDS.items()
}
