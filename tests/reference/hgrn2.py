"""HGRN2: the gated linear recurrence HGRN with its state expanded to a matrix in each head.

    f = lower + (1 - lower) sigmoid(W x);  i = W x;  o = silu(W x)
    S = diag(f) S_prev + (1 - f) i^T
    h = S^T o

Reference: Qin et al. 2024, arXiv 2404.07904.
"""

from __future__ import annotations

import numpy as np

from .functions import Array, States, Stepped, Weights, sigmoid
from .heads import cut, squares
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, LOWER = 2, 0.25


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    return read_shapes(("output", "forget", "input"), units, {"x": features}, bias=False)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d)."""
    batch = len(x)
    out, a, i = (pre(w, gate, {"x": x}, False) for gate in ("output", "forget", "input"))
    o, i = cut(out * sigmoid(out), HEADS), cut(i, HEADS)
    f = cut(LOWER + (1 - LOWER) * sigmoid(a), HEADS)
    d = f.shape[-1]
    S_prev = states["S"].reshape(batch, HEADS, d, d)
    rows = []
    for row in range(d):
        keep = f[:, :, row, None]
        rows.append(keep * S_prev[:, :, row] + (1 - keep) * i)
    S = np.stack(rows, 2)
    h = np.einsum("bhij,bhi->bhj", S, o)
    return h.reshape(batch, -1), {"S": S.reshape(batch, -1)}


CASES = {"hgrn2": squares(step, STATES, shapes, HEADS, lower=LOWER)}
