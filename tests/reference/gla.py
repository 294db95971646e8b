"""Gated linear attention: a memory whose rows decay, each at a rate read from the input.

    q, k, v = W x;  a = sigmoid(R L x + b)^(1/16)
    S = diag(a) S_prev + k v^T, in each head
    h = S^T q / sqrt(d)

Reference: Yang et al. 2023, arXiv 2312.06635.
"""

from __future__ import annotations

import numpy as np

from .functions import Array, States, Stepped, Weights, sigmoid
from .heads import cut, squares
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, RANK, TAU = 2, 16, 16


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    return {
        **read_shapes(("query", "key", "value"), units, {"x": features}, bias=False),
        "forget.x.left": (features, RANK),
        "forget.x.right": (RANK, units),
        "forget.bias": (units,),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d)."""
    batch = len(x)
    q, k, v = (cut(pre(w, g, {"x": x}, False), HEADS) for g in ("query", "key", "value"))
    a = sigmoid(x @ w["forget.x.left"] @ w["forget.x.right"] + w["forget.bias"]) ** (1 / TAU)
    d = q.shape[-1]
    S = np.einsum("bhi,bhij->bhij", cut(a, HEADS), states["S"].reshape(batch, HEADS, d, d))
    S = S + np.einsum("bhi,bhj->bhij", k, v)
    h = np.einsum("bhij,bhi->bhj", S, q) / np.sqrt(d)
    return h.reshape(batch, -1), {"S": S.reshape(batch, -1)}


CASES = {"gla": squares(step, STATES, shapes, HEADS)}
