"""Multi-scale retention of RetNet: a memory with a complex decay of its own in each head.

The paper's recurrence is S_n = A S_{n-1} + K_n^T v_n with A = gamma e^{i theta} after
diagonalisation, and what is emitted is the real part of Q_n S_n. Queries and keys are complex here,
as pairs; the key enters conjugated, so that a query and a key n steps apart meet with the phase
n theta:

    S = gamma e^{i theta} S_prev + conj(k) v^T
    h = Re(q S) / sqrt(d)

Reference: Sun et al. 2023, arXiv 2307.08621, equations 1 to 6.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("re", "im")
HEADS = 2


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    halves = ("query_re", "query_im", "key_re", "key_im")
    return {
        "decay": (HEADS,),
        "angle": (units // (2 * HEADS),),
        **read_shapes(halves, units // 2, {"x": features}, bias=False),
        **read_shapes("value", units, {"x": features}, bias=False),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; re and im are batch x (heads d/2 d)."""
    batch = len(x)
    halves = ("query_re", "query_im", "key_re", "key_im", "value")
    q_re, q_im, k_re, k_im, v = (cut(pre(w, g, {"x": x}, False), HEADS) for g in halves)
    pairs, d = q_re.shape[-1], v.shape[-1]
    old = [states[name].reshape(batch, HEADS, pairs, d) for name in STATES]
    angle = w["angle"]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = np.einsum("h,acp,cbhpd->abhpd", w["decay"], turn, np.stack(old))
    re = turned[0] + np.einsum("bhp,bhd->bhpd", k_re, v)
    im = turned[1] - np.einsum("bhp,bhd->bhpd", k_im, v)
    h = np.einsum("bhp,bhpd->bhd", q_re, re) - np.einsum("bhp,bhpd->bhd", q_im, im)
    new = {"re": re.reshape(batch, -1), "im": im.reshape(batch, -1)}
    return h.reshape(batch, -1) / np.sqrt(d), new


CASES = {
    "retnet": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS}},
        widths=lambda units: dict.fromkeys(STATES, units**2 // (2 * HEADS)),
    )
}
