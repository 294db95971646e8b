"""Titans with a matrix as its memory: a gradient step with momentum and forgetting, per head.

    q, k = unit length of silu(W x);  v = silu(W x)
    a, e, t = sigmoid(W x + b): forgetting, momentum, rate, a number for each head
    Z = e Z_prev - t (gradient of |k^T M - v|^2 at M_prev)
    M = (1 - a) M_prev + Z;  h = q^T M

Reference: Behrouz et al. 2024, arXiv 2501.00663, equations 11 to 15 and section 4.4.
"""

from __future__ import annotations

import numpy as np

from .functions import Array, States, Stepped, Weights, sigmoid, silu
from .heads import cut, squares, unit
from .reads import Shapes, pre, read_shapes

STATES = ("M", "surprise")
HEADS, EPS = 2, 1e-6


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    return found | read_shapes(("forget", "momentum", "rate"), HEADS, {"x": features})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; M and surprise are batch x (heads d d)."""
    batch, reads = len(x), {"x": x}
    q, k, v = (cut(silu(pre(w, g, reads, False)), HEADS) for g in ("query", "key", "value"))
    q, k, d = unit(q, EPS), unit(k, EPS), q.shape[-1]
    a, e, t = (sigmoid(pre(w, g, reads)) for g in ("forget", "momentum", "rate"))
    M, Z = (states[name].reshape(batch, HEADS, d, d) for name in STATES)
    memories, surprises, h = [], [], []
    for head in range(HEADS):
        error = np.einsum("bi,bij->bj", k[:, head], M[:, head]) - v[:, head]
        gradient = 2 * k[:, head, :, None] * error[:, None, :]
        at = np.index_exp[:, head, None, None]
        surprises.append(e[at] * Z[:, head] - t[at] * gradient)
        memories.append((1 - a[at]) * M[:, head] + surprises[head])
        h.append(np.einsum("bi,bij->bj", q[:, head], memories[head]))
    new = {"M": np.stack(memories, 1), "surprise": np.stack(surprises, 1)}
    return np.concatenate(h, -1), {name: value.reshape(batch, -1) for name, value in new.items()}


CASES = {"titans_linear": squares(step, STATES, shapes, HEADS)}
