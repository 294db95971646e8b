"""M2RNN: a nonlinear recurrence whose state is a matrix, in each head.

    q, k, v = W x;  f = exp(-exp(rate) softplus(W x + b)), a number for each head
    Z = tanh(S_prev U + k v^T), with a learned matrix U
    S = f S_prev + (1 - f) Z
    h = S^T q + D v

Reference: Mishra et al. 2026, arXiv 2603.14360, as in the authors' code (open-lm-engine/lm-engine,
sequence_mixer_blocks/m2rnn/op.py and module.py).
"""

from __future__ import annotations

import numpy as np

from .functions import Array, States, Stepped, Weights, softplus
from .heads import cut, squares
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS = 2


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    found |= read_shapes("step", HEADS, {"x": features})
    return found | {"rate": (HEADS,), "turn": (units**2 // HEADS,), "skip": (units,)}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d), rate enters through exp."""
    q, k, v = (cut(pre(w, g, {"x": x}, bias=False), HEADS) for g in ("query", "key", "value"))
    d = q.shape[-1]
    f = np.exp(-np.exp(w["rate"]) * softplus(pre(w, "step", {"x": x})))[:, :, None, None]
    turn, skip = w["turn"].reshape(HEADS, d, d), w["skip"].reshape(HEADS, d)
    S_prev = states["S"].reshape(len(x), HEADS, d, d)
    inner = np.einsum("bhij,hjk->bhik", S_prev, turn) + np.einsum("bhi,bhj->bhij", k, v)
    S = f * S_prev + (1 - f) * np.tanh(inner)
    h = np.einsum("bhij,bhi->bhj", S, q) + skip * v
    return h.reshape(len(x), -1), {"S": S.reshape(len(x), -1)}


CASES = {"m2rnn": squares(step, STATES, shapes, HEADS)}
