"""The selective state space model of Mamba (S6), between the block's projections.

    u = silu(W x);  z = silu(W x)
    D = softplus(R L u + b);  B, C = W u, of the state's size N
    S[d, n] = exp(-D[d] rate[d, n]) S_prev[d, n] + D[d] B[n] u[d]
    h[d] = z[d] (sum_n S[d, n] C[n] + skip[d] u[d])

Reference: Gu & Dao 2023, arXiv 2312.00752, algorithm 2; the discretisation of B is D B, as in the
authors' code.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, softplus
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
SIZE, RANK = 3, 4


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; rate enters through exp."""
    return {
        "rate": (units * SIZE,),
        "skip": (units,),
        **read_shapes(("signal", "gate"), units, {"x": features}, bias=False),
        "step.signal.left": (units, RANK),
        "step.signal.right": (RANK, units),
        "step.bias": (units,),
        **read_shapes(("input", "output"), SIZE, {"signal": units}, bias=False),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (units size)."""
    u, z = (a * sigmoid(a) for a in (pre(w, g, {"x": x}, False) for g in ("signal", "gate")))
    step_size = u @ w["step.signal.left"] @ w["step.signal.right"] + w["step.bias"]
    D, B, C = softplus(step_size), u @ w["input.signal"], u @ w["output.signal"]
    rate = np.exp(w["rate"]).reshape(-1, SIZE)
    S = states["S"].reshape(len(x), -1, SIZE)
    columns = []
    for n in range(SIZE):
        columns.append(np.exp(-D * rate[:, n]) * S[:, :, n] + D * B[:, n, None] * u)
    h = w["skip"] * u
    for n, column in enumerate(columns):
        h = h + column * C[:, n, None]
    return z * h, {"S": np.stack(columns, -1).reshape(len(x), -1)}


CASES = {
    "mamba": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"size": SIZE}},
        widths=lambda units: {"S": units * SIZE},
    )
}
