"""DeltaNet and Gated DeltaNet: a memory that corrects what it returns for a key, in each head.

    q, k = unit length of silu(W x);  v = silu(W x);  beta = sigmoid(W x), a number for each head
    S' = a S_prev, where a = 1, or exp(-exp(rate) softplus(W x + b)) if gated
    S = S' + beta k (v - S'^T k)^T
    h = S^T q / sqrt(d)

Reference: Schlag et al. 2021, arXiv 2102.11174; Yang et al. 2024, arXiv 2406.06484; gated: Yang et
al. 2024, arXiv 2412.06464; the unit length has 1e-6 under its root, as in the authors' code.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .functions import Array, States, Stepped, Weights, sigmoid, silu, softplus
from .heads import cut, squares, unit
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, EPS = 2, 1e-6


def shapes(features: int, units: int, gated: bool = False) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    found |= read_shapes("beta", HEADS, {"x": features}, bias=False)
    if gated:
        found |= read_shapes("step", HEADS, {"x": features}) | {"rate": (HEADS,)}
    return found


def step(x: Array, states: States, w: Weights, gated: bool = False) -> Stepped:
    """One step; S is batch x (heads d d), and decays if ``gated``; rate enters through exp."""
    batch = len(x)
    q, k, v = (cut(silu(pre(w, g, {"x": x}, False)), HEADS) for g in ("query", "key", "value"))
    q, k, d = unit(q, EPS), unit(k, EPS), q.shape[-1]
    beta = sigmoid(pre(w, "beta", {"x": x}, False))
    S_prev = states["S"].reshape(batch, HEADS, d, d)
    S, h = [], []
    for head in range(HEADS):
        kept = S_prev[:, head]
        if gated:
            rate = np.exp(w["rate"][head]) * softplus(pre(w, "step", {"x": x})[:, head])
            kept = kept * np.exp(-rate)[:, None, None]
        known = np.einsum("bij,bi->bj", kept, k[:, head])
        change = beta[:, head, None] * (v[:, head] - known)
        S.append(kept + k[:, head, :, None] * change[:, None, :])
        h.append(np.einsum("bij,bi->bj", S[head], q[:, head]) / np.sqrt(d))
    return np.concatenate(h, -1), {"S": np.stack(S, 1).reshape(batch, -1)}


CASES = {
    "delta_net": squares(step, STATES, shapes, HEADS),
    "gated_delta_net": squares(
        partial(step, gated=True), STATES, partial(shapes, gated=True), HEADS
    ),
}
