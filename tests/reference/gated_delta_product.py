"""Gated DeltaProduct: gated DeltaNet with several corrections of the memory in each step.

    q, k_i = unit length of silu(W x);  v_i = silu(W x);  beta_i = 2 sigmoid(W x), for each head
    S_0 = exp(-exp(rate) softplus(W x + b)) S_prev
    S_i = (I - beta_i k_i k_i^T) S_{i-1} + beta_i k_i v_i^T
    h = S_n^T q / sqrt(d)

Reference: Siems et al. 2025, arXiv 2502.10297, equations 2 and 3, with the gate of section 3.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, silu, softplus
from .heads import cut, unit
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, STEPS, EPS = 4, 2, 1e-6


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; rate enters through exp."""
    found = {"rate": (HEADS,), **read_shapes("step", HEADS, {"x": features})}
    wide = ["query", *(f"{gate}_{i + 1}" for i in range(STEPS) for gate in ("key", "value"))]
    found |= read_shapes(wide, units, {"x": features}, bias=False)
    betas = [f"beta_{i + 1}" for i in range(STEPS)]
    return found | read_shapes(betas, HEADS, {"x": features}, bias=False)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d)."""
    q = unit(cut(silu(pre(w, "query", {"x": x}, False)), HEADS), EPS)
    d = q.shape[-1]
    keep = np.exp(-np.exp(w["rate"]) * softplus(pre(w, "step", {"x": x})))
    S = keep[..., None, None] * states["S"].reshape(len(x), HEADS, d, d)
    for i in range(1, STEPS + 1):
        k = unit(cut(silu(pre(w, f"key_{i}", {"x": x}, False)), HEADS), EPS)
        v = cut(silu(pre(w, f"value_{i}", {"x": x}, False)), HEADS)
        beta = 2 * sigmoid(pre(w, f"beta_{i}", {"x": x}, False))[..., None, None]
        reflect = np.eye(d) - beta * k[..., :, None] * k[..., None, :]
        S = reflect @ S + beta * k[..., :, None] * v[..., None, :]
    h = np.einsum("bhij,bhi->bhj", S, q) / np.sqrt(d)
    return h.reshape(len(x), -1), {"S": S.reshape(len(x), -1)}


CASES = {
    "gated_delta_product": Case(
        step, STATES, shapes, units=8, widths=lambda units: {"S": units**2 // HEADS}
    )
}
