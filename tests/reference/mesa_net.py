"""MesaNet: what is returned solves a regularised regression, by steps of conjugate gradients.

    q, k = unit length of silu(W x);  v = W x;  f, b = sigmoid(W x + b), for each head
    H = f H_prev + b k k^T;  G = f G_prev + b k v^T
    h = G^T x,  (H + diag(l)) x = q,  l = softplus(slack) + 1/4

    x = 0, r = p = q; then repeatedly a = |r|^2 / (p^T (H + diag(l)) p + 1e-5), x = x + a p,
    r' = r - a (H + diag(l)) p, p = r' + |r'|^2 / (|r|^2 + 1e-5) p, r = r'

Reference: von Oswald et al. 2025, arXiv 2506.05233, and the code of Yang, one of the
authors (flash-linear-attention: fla/layers/mesa_net.py, fla/ops/mesa_net/naive.py).
"""

from __future__ import annotations

import numpy as np

from .functions import Array, States, Stepped, Weights, sigmoid, silu, softplus
from .heads import cut, squares, unit
from .reads import Shapes, pre, read_shapes

STATES = ("H", "G")
HEADS, TIMES, EPS, TINY = 2, 4, 1e-6, 1e-5


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; slack enters through softplus."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    return found | read_shapes(("forget", "beta"), HEADS, {"x": features}) | {"slack": (units,)}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; H and G are batch x (heads d d)."""
    batch, reads = len(x), {"x": x}
    q, k = (unit(cut(silu(pre(w, g, reads, False)), HEADS), EPS) for g in ("query", "key"))
    v, d = cut(x @ w["value.x"], HEADS), q.shape[-1]
    f, b = (sigmoid(pre(w, g, reads))[:, :, None, None] for g in ("forget", "beta"))
    H, G = (states[name].reshape(batch, HEADS, d, d) for name in STATES)
    H = f * H + b * k[:, :, :, None] * k[:, :, None, :]
    G = f * G + b * k[:, :, :, None] * v[:, :, None, :]
    system = H + np.eye(d) * (softplus(w["slack"]) + 0.25).reshape(HEADS, d, 1)
    found, r, p = np.zeros_like(q), q, q
    for _ in range(TIMES):
        pushed = np.einsum("bhij,bhj->bhi", system, p)
        size = np.sum(r * r, axis=-1, keepdims=True)
        a = size / (np.sum(p * pushed, axis=-1, keepdims=True) + TINY)
        found, r = found + a * p, r - a * pushed
        p = r + np.sum(r * r, axis=-1, keepdims=True) / (size + TINY) * p
    h = np.einsum("bhi,bhij->bhj", found, G)
    return h.reshape(batch, -1), {"H": H.reshape(batch, -1), "G": G.reshape(batch, -1)}


CASES = {"mesa_net": squares(step, STATES, shapes, HEADS)}
