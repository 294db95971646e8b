"""Gated slot attention: keys and values in slots that decay, read through a softmax.

    q, k, v = silu(W x);  f = sigmoid(W x)^(1/tau), a number for each slot of each head
    K[m] = f[m] K_prev[m] + (1 - f[m]) k;  V[m] = f[m] V_prev[m] + (1 - f[m]) v
    h = sum over slots of softmax(K q)[m] V[m]

Reference: Zhang et al. 2024, arXiv 2409.07146, with tau = 8 and queries that are not scaled, as in
the authors' layer (flash-linear-attention).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, log_sigmoid, silu, softmax
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("K", "V")
HEADS, SLOTS, TAU = 2, 3, 8


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    return found | read_shapes("forget", HEADS * SLOTS, {"x": features}, bias=False)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; K is batch x (heads d slots), and V is batch x (heads slots d)."""
    batch = len(x)
    q, k, v = (cut(silu(pre(w, g, {"x": x}, False)), HEADS) for g in ("query", "key", "value"))
    f = np.exp(cut(log_sigmoid(x @ w["forget.x"]), HEADS) / TAU)
    d = q.shape[-1]
    keys = np.swapaxes(states["K"].reshape(batch, HEADS, d, SLOTS), 2, 3)
    values = states["V"].reshape(batch, HEADS, SLOTS, d)
    keys = np.stack(
        [f[:, :, m, None] * keys[:, :, m] + (1 - f[:, :, m, None]) * k for m in range(SLOTS)], 2
    )
    values = np.stack(
        [f[:, :, m, None] * values[:, :, m] + (1 - f[:, :, m, None]) * v for m in range(SLOTS)], 2
    )
    weights = softmax(np.einsum("bhmd,bhd->bhm", keys, q))
    h = np.einsum("bhm,bhmd->bhd", weights, values)
    new = {"K": np.swapaxes(keys, 2, 3).reshape(batch, -1), "V": values.reshape(batch, -1)}
    return h.reshape(batch, -1), new


CASES = {
    "gsa": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS, "slots": SLOTS}},
        widths=lambda units: {"K": units * SLOTS, "V": units * SLOTS},
    )
}
