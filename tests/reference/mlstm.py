"""mLSTM of the xLSTM family: a matrix memory with an exponential input gate, one in each head.

    q, v = W x + b;  k = (W x + b) / sqrt(d);  o = sigmoid(W x + b)
    i~, f~ = W x + b, a number for each head
    m = max(log sigmoid(f~) + m_prev, i~)
    f = exp(log sigmoid(f~) + m_prev - m),  i = exp(i~ - m)
    C = f C_prev + i k v^T
    n = f n_prev + i k
    h = o (C^T q) / (max(|n^T q|, exp(-m)) + eps)

xLSTM 7B: i~ and f~ go through 15 tanh(a / 15) first; q and k are half as wide as v, and only i~ and
f~ have a bias.

Reference: Beck et al. 2024, "xLSTM: extended long short-term memory", arXiv 2405.04517; eps = 1e-6
from the authors' code. Beck et al. 2025, "xLSTM 7B", arXiv 2503.13427, as in the authors' code
(NX-AI/xlstm, xlstm/xlstm_large/model.py).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, absolute, log_sigmoid, maximum, sigmoid
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("m", "C", "n")
HEADS, EPS = 2, 1e-6


def shapes(features: int, units: int, capped: bool = False) -> Shapes:
    """The shapes of the weights by name."""
    narrow = units // 2 if capped else units
    found = read_shapes(("query", "key"), narrow, {"x": features}, bias=not capped)
    found |= read_shapes(("value", "output"), units, {"x": features}, bias=not capped)
    return found | read_shapes(("input", "forget"), HEADS, {"x": features})


def step(x: Array, states: States, w: Weights, capped: bool = False) -> Stepped:
    """One step; m is batch x heads, C batch x (heads d d), n batch x (heads d)."""
    batch = len(x)
    names = ("query", "key", "value", "output")
    q, k, v, o = (cut(pre(w, gate, {"x": x}, bias=not capped), HEADS) for gate in names)
    d, o = q.shape[-1], sigmoid(o)
    k = k / np.sqrt(d)
    entering, keeping = (pre(w, gate, {"x": x}) for gate in ("input", "forget"))
    if capped:
        entering, keeping = (15 * np.tanh(a / 15) for a in (entering, keeping))
    kept = log_sigmoid(keeping) + states["m"]
    m = maximum(kept, entering)
    f, i = np.exp(kept - m), np.exp(entering - m)
    C_prev, n_prev = states["C"].reshape(batch, HEADS, d, -1), cut(states["n"], HEADS)
    C, n, h = [], [], []
    for head in range(HEADS):
        f_head, i_head = f[:, head, None], i[:, head, None]
        write = np.einsum("bi,bj->bij", k[:, head], v[:, head])
        C.append(f_head[..., None] * C_prev[:, head] + i_head[..., None] * write)
        n.append(f_head * n_prev[:, head] + i_head * k[:, head])
        read = np.einsum("bij,bi->bj", C[head], q[:, head])
        length = absolute(np.einsum("bi,bi->b", n[head], q[:, head]))
        below = maximum(length, np.exp(-m[:, head])) + EPS
        h.append(o[:, head] * read / below[:, None])
    flat = {"m": m, "C": np.stack(C, 1).reshape(batch, -1), "n": np.concatenate(n, -1)}
    return np.concatenate(h, -1), flat


CASES = {
    "mlstm": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS}},
        widths=lambda units: {"m": HEADS, "C": units**2 // HEADS},
    ),
    "xlstm_7b": Case(
        partial(step, capped=True),
        STATES,
        partial(shapes, capped=True),
        config={"constants": {"heads": HEADS}},
        widths=lambda units: {"m": HEADS, "C": units**2 // HEADS // 2, "n": units // 2},
    ),
}
