"""RWKV 7 (Goose), time mixing: a matrix memory per head that forgets and replaces.

    z_c = x + mix_c (x_prev - x) for each branch c
    r, k', v = W z;  w = exp(-exp(-1/2) sigmoid(tanh(z A) B + b));  a = sigmoid(z A B + b)
    u = unit length of removal k';  k = k' (1 + (a - 1) replacement)
    S = diag(w) S_prev - (a u) (u^T S_prev) + k v^T
    h = S^T r + (sum of r bonus k) v

Reference: Peng et al. 2025, arXiv 2503.14456, and the author's code (RWKV-LM, RWKV_Tmix_x070).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .heads import cut
from .reads import Shapes, read_shapes

STATES = ("S", "x")
HEADS, DECAY_RANK, RATE_RANK = 2, 3, 2
BRANCHES = {"receptance": "r", "key": "k", "value": "v", "thin_decay": "w", "thin_rate": "a"}


def _read(branch: str) -> str:
    return f"x+mix_{BRANCHES[branch]}*(x_prev-x)"


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found: Shapes = {f"mix_{short}": (features,) for short in BRANCHES.values()}
    found |= dict.fromkeys(("removal", "replacement", "bonus"), (units,))
    ranks = {"thin_decay": DECAY_RANK, "thin_rate": RATE_RANK}
    for branch in BRANCHES:
        found[f"{branch}.{_read(branch)}"] = (features, ranks.get(branch, units))
    found |= read_shapes("decay", units, {"thin_decay": DECAY_RANK})
    return found | read_shapes("rate", units, {"thin_rate": RATE_RANK})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d); x, the last input."""
    batch = len(x)
    mixed = {
        branch: (x + w[f"mix_{short}"] * (states["x"] - x)) @ w[f"{branch}.{_read(branch)}"]
        for branch, short in BRANCHES.items()
    }
    logit = np.tanh(mixed["thin_decay"]) @ w["decay.thin_decay"] + w["decay.bias"]
    decay = cut(np.exp(-np.exp(-0.5) * sigmoid(logit)), HEADS)
    a = sigmoid(mixed["thin_rate"] @ w["rate.thin_rate"] + w["rate.bias"])
    toward = cut(w["removal"] * mixed["key"], HEADS)
    k = cut(mixed["key"] * (1 + (a - 1) * w["replacement"]), HEADS)
    r, v, a = (cut(part, HEADS) for part in (mixed["receptance"], mixed["value"], a))
    d = r.shape[-1]
    S_prev, bonus = states["S"].reshape(batch, HEADS, d, d), w["bonus"].reshape(HEADS, d)
    S, h = [], []
    for head in range(HEADS):
        square = np.sum(toward[:, head] ** 2, axis=-1, keepdims=True)
        u = toward[:, head] / np.sqrt(maximum(square, np.full(1, 1e-24)))
        known = np.einsum("bi,bij->bj", u, S_prev[:, head])
        kept = decay[:, head, :, None] * S_prev[:, head]
        erased = (a[:, head] * u)[:, :, None] * known[:, None, :]
        S.append(kept - erased + k[:, head, :, None] * v[:, head, None, :])
        extra = np.sum(r[:, head] * bonus[head] * k[:, head], axis=-1, keepdims=True)
        h.append(np.einsum("bi,bij->bj", r[:, head], S[head]) + extra * v[:, head])
    return np.concatenate(h, -1), {"S": np.stack(S, 1).reshape(batch, -1), "x": x}


CASES = {
    "rwkv7": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS, "decay_rank": DECAY_RANK, "rate_rank": RATE_RANK}},
        widths=lambda units: {"S": units**2 // HEADS, "x": 2},
    )
}
