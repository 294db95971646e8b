"""Kimi delta attention and its relatives, each a gated DeltaNet in each head.

    q, k = unit length of silu(W x);  v = silu(W x)
    a = exp(-exp(rate) softplus(...)), the decay: of each channel or, in Comba, of each head

    KDA             S = (I - beta k k^T) diag(a) S_prev + beta k v^T,  beta = sigmoid(W x)
    preconditioned  S = (I - beta (k / M) k^T) diag(a) S_prev + beta (k / M) v^T,
                    M = 1.5^(l / (1 + |l|)), l = log(n + eps) - center, and n = b n_prev +
                    sigmoid(W x) k^2 with the decay b of each head
    DeltaNet-2      S = (I - k (e * k)^T) diag(a) S_prev + k (w * v)^T,  e, w = sigmoid(W x)
    Comba           S = (a I - beta k p^T) S_prev + beta k v^T,  p = sigmoid(inner) k

    h = S^T q / sqrt(d); Comba reads with q - correction p

References: Kimi Team 2025, arXiv 2510.26692, and its token-by-token reference in
flash-linear-attention; Tumma et al. 2026, arXiv 2604.21100, in the token-by-token reference of the
authors' code (preconditioned-deltanet); Hatamizadeh et al. 2026, arXiv 2605.22791, and the authors'
code (GatedDeltaNet-2); Hu et al. 2025, arXiv 2506.02475, and the authors' code (Comba-triton),
whose kernels read what they erase before the decay.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, absolute, sigmoid, silu, softplus
from .heads import cut, squares, unit
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, EPS = 2, 1e-6


def shapes(features: int, units: int, kind: str = "kda") -> Shapes:
    """The shapes of the weights by name."""
    found = read_shapes(("query", "key", "value"), units, {"x": features}, bias=False)
    found |= {"rate": (HEADS,)}
    if kind == "preconditioned":
        found |= {"fade": (HEADS,), "center": (HEADS,)}
        found |= read_shapes("pace", HEADS, {"x": features})
        found |= read_shapes("weight", HEADS, {"x": features}, bias=False)
    if kind == "comba":
        found |= {"inner": (HEADS,), "correction": (HEADS,)}
        found |= read_shapes("step", HEADS, {"x": features})
    else:
        found |= read_shapes("thin", units // HEADS, {"x": features}, bias=False)
        found |= read_shapes("step", units, {"thin": units // HEADS})
    if kind == "two":
        return found | read_shapes(("erase", "write"), units, {"x": features}, bias=False)
    return found | read_shapes("beta", HEADS, {"x": features}, bias=False)


def step(x: Array, states: States, w: Weights, kind: str = "kda") -> Stepped:
    """One step; S is batch x (heads d d); rate enters through exp, inner through sigmoid."""
    batch, reads = len(x), {"x": x}
    q, k, v = (cut(silu(pre(w, g, reads, False)), HEADS) for g in ("query", "key", "value"))
    q, k, d = unit(q, EPS), unit(k, EPS), q.shape[-1]
    if kind == "comba":
        amount = np.repeat(softplus(pre(w, "step", reads))[:, :, None], d, axis=2)
    else:
        thin = x @ w["thin.x"]
        amount = cut(softplus(pre(w, "step", {"thin": thin})), HEADS)
    if kind == "two":
        erase, write = (cut(sigmoid(pre(w, g, reads, False)), HEADS) for g in ("erase", "write"))
    else:
        beta = sigmoid(pre(w, "beta", reads, False))
        erase = write = np.repeat(beta[:, :, None], d, axis=2)
    S_prev = states["S"].reshape(batch, HEADS, d, d)
    S, h, written, now = [], [], k, {}
    if kind == "preconditioned":
        kept = np.exp(-np.exp(w["fade"]) * softplus(pre(w, "pace", reads)))
        share = sigmoid(pre(w, "weight", reads, False))
        n = kept[:, :, None] * cut(states["n"], HEADS) + share[:, :, None] * k * k
        level = np.log(n + EPS) - w["center"][:, None]
        written = k / 1.5 ** (level / (1 + absolute(level)))
        now["n"] = n.reshape(batch, -1)
    for head in range(HEADS):
        decay = np.exp(-np.exp(w["rate"][head]) * amount[:, head])
        key, asked, query = k[:, head], erase[:, head] * k[:, head], q[:, head]
        old = decay[:, :, None] * S_prev[:, head]
        erased = old
        if kind == "comba":
            asked = sigmoid(w["inner"][head]) * asked
            query = query - w["correction"][head] * sigmoid(w["inner"][head]) * key
            erased = S_prev[:, head]
        transition = written[:, head, :, None] * asked[:, None, :]
        new = written[:, head, :, None] * (write[:, head] * v[:, head])[:, None, :]
        S.append(old - transition @ erased + new)
        h.append(np.sum(query[:, :, None] * S[head], axis=1) / np.sqrt(d))
    return np.concatenate(h, -1), {"S": np.stack(S, 1).reshape(batch, -1), **now}


CASES = {
    name: squares(partial(step, kind=kind), STATES, partial(shapes, kind=kind), HEADS)
    for name, kind in {"kda": "kda", "gated_delta_net_2": "two", "comba": "comba"}.items()
}
CASES["preconditioned_kda"] = Case(
    partial(step, kind="preconditioned"),
    ("S", "n"),
    partial(shapes, kind="preconditioned"),
    config={"constants": {"heads": HEADS}},
    widths=lambda units: {"S": units**2 // HEADS},
    start=lambda rng, batch, units: {"n": rng.uniform(0.1, 1, (batch, units))},
)
