"""Longhorn: the closed form of an online regression, in Mamba's place, between its projections.

    u = silu(W x);  z = silu(W x);  k, q = W u, of the state's size
    beta = sigmoid(R L u + b);  D = beta / (1 + beta |k|^2)
    S[d, n] = (1 - D[d] k[n]^2) S_prev[d, n] + D[d] u[d] k[n]
    h[d] = z[d] (sum_n S[d, n] q[n] + skip[d] u[d])

Reference: Liu et al. 2024, arXiv 2407.14207, and the authors' code (Longhorn.step).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, silu
from .reads import Shapes, read_shapes

STATES = ("S",)
SIZE, RANK = 3, 4


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    return {
        "skip": (units,),
        **read_shapes(("signal", "gate"), units, {"x": features}, bias=False),
        "beta.signal.left": (units, RANK),
        "beta.signal.right": (RANK, units),
        "beta.bias": (units,),
        **read_shapes(("key", "query"), SIZE, {"signal": units}, bias=False),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (units size)."""
    u, z = silu(x @ w["signal.x"]), silu(x @ w["gate.x"])
    k, q = u @ w["key.signal"], u @ w["query.signal"]
    beta = sigmoid(u @ w["beta.signal.left"] @ w["beta.signal.right"] + w["beta.bias"])
    D = beta / (1 + beta * np.sum(k**2, axis=-1, keepdims=True))
    S, h = states["S"].reshape(len(x), -1, SIZE), w["skip"] * u
    columns = []
    for n in range(SIZE):
        kn = k[:, n, None]
        columns.append((1 - D * kn**2) * S[:, :, n] + D * u * kn)
        h = h + columns[n] * q[:, n, None]
    return z * h, {"S": np.stack(columns, -1).reshape(len(x), -1)}


CASES = {
    "longhorn": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"size": SIZE}},
        widths=lambda units: {"S": units * SIZE},
    )
}
