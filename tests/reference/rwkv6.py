"""RWKV 6 (Finch), time mixing: matrix memories whose rows decay as the input says.

    x' = x + shift (x_prev - x)
    for each of r, k, v, w:  mix = tanh(x' A) B + b;  read = x + mix (x_prev - x)
    r, k, v = W read;  w = exp(-exp(tanh(read A) B + b))
    h = (S_prev + diag(bonus) k v^T)^T r, in each head
    S = diag(w) S_prev + k v^T

Reference: Peng et al. 2024, arXiv 2404.05892, equations 10 to 19.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("S", "x")
HEADS, RANK, DECAY_RANK = 2, 3, 2
BRANCHES = ("receptance", "key", "value", "decay")
MIXED = "shift*x_prev+(1-shift)*x"


def _read(branch: str) -> str:
    return f"mix_{branch}*x_prev+(1-mix_{branch})*x"


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found: Shapes = {"shift": (features,), "bonus": (units,)}
    for branch in BRANCHES:
        found |= read_shapes(f"low_{branch}", RANK, {MIXED: features}, bias=False)
        found |= read_shapes(f"mix_{branch}", features, {f"low_{branch}": RANK})
    for branch in BRANCHES[:3]:
        found |= read_shapes(branch, units, {_read(branch): features}, bias=False)
    found |= read_shapes("thin_decay", DECAY_RANK, {_read("decay"): features}, bias=False)
    return found | read_shapes("decay", units, {"thin_decay": DECAY_RANK})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d d); x, the last input."""
    batch, back = len(x), states["x"] - x
    between = x + w["shift"] * back
    mixed = {}
    for branch in BRANCHES:
        low = np.tanh(between @ w[f"low_{branch}.{MIXED}"])
        mixed[branch] = x + pre(w, f"mix_{branch}", {f"low_{branch}": low}) * back
    r, k, v = (cut(mixed[b] @ w[f"{b}.{_read(b)}"], HEADS) for b in BRANCHES[:3])
    thin = np.tanh(mixed["decay"] @ w[f"thin_decay.{_read('decay')}"])
    keep = cut(np.exp(-np.exp(pre(w, "decay", {"thin_decay": thin}))), HEADS)
    d = r.shape[-1]
    S_prev = states["S"].reshape(batch, HEADS, d, d)
    new = np.einsum("bhi,bhj->bhij", k, v)
    bonus = w["bonus"].reshape(HEADS, d)
    h = np.einsum("bhi,bhij->bhj", r, S_prev) + np.einsum("bhi,hi,bhij->bhj", r, bonus, new)
    S = np.einsum("bhi,bhij->bhij", keep, S_prev) + new
    return h.reshape(batch, -1), {"S": S.reshape(batch, -1), "x": x}


CASES = {
    "rwkv6": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS, "rank": RANK, "decay_rank": DECAY_RANK}},
        widths=lambda units: {"S": units**2 // HEADS, "x": 2},
    )
}
