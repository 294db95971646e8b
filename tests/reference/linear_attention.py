"""Linear attention as a recurrence: fast weights and their normaliser, in each head.

    q, k = elu(W x) + 1;  v = W x
    S = S_prev + k v^T
    z = z_prev + k
    h = (S^T q) / (z^T q + 1e-6)

Reference: Katharopoulos et al. 2020, arXiv 2006.16236, equations 16 to 20; 1e-6 as in the authors'
code.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("S", "z")
HEADS = 2


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    return read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)


def feature_map(a: Array) -> Array:
    """elu(a) + 1: a + 1 above zero, exp(a) below."""
    positive = np.real(a) > 0
    return np.where(positive, a + 1, np.exp(np.where(positive, 0.0, a)))


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d); z is batch x (heads d) and positive."""
    batch = len(x)
    q, k, v = (cut(pre(w, g, {"x": x}, False), HEADS) for g in ("query", "key", "value"))
    q, k = feature_map(q), feature_map(k)
    d = q.shape[-1]
    S = states["S"].reshape(batch, HEADS, d, d) + np.einsum("bhi,bhj->bhij", k, v)
    z = cut(states["z"], HEADS) + k
    h = np.einsum("bhij,bhi->bhj", S, q) / (np.einsum("bhi,bhi->bh", z, q) + 1e-6)[..., None]
    return h.reshape(batch, -1), {"S": S.reshape(batch, -1), "z": z.reshape(batch, -1)}


CASES = {
    "linear_attention": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS}},
        widths=lambda units: {"S": units**2 // HEADS},
        start=lambda rng, batch, units: {"z": 0.5 + rng.random((batch, units))},
    )
}
