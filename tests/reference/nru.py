"""Non-saturating recurrent unit: a memory written to and erased from in k directions.

    h = relu(W x + U h_prev + V m_prev + b)
    alpha, beta = W [h, m_prev] + b, k numbers each
    v = outer(p, q) as k rows, each over its 5-norm, where p and q = W [h, m_prev] + b; so for both
    m = m_prev + 1/k sum_i (alpha_i v_i^alpha - beta_i v_i^beta)

Reference: Chandar et al. 2019, arXiv 1902.06704; without the optional relu and layer norm of the
authors' code.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, absolute, maximum
from .reads import Shapes, pre, read_shapes

STATES = ("h", "memory")
SIDE, ROWS = 4, 2
MEMORY = SIDE * SIDE // ROWS


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    both = {"h": units, "memory_prev": MEMORY}
    sides = ("write_left", "write_right", "erase_left", "erase_right")
    return {
        **read_shapes("h", units, {"x": features, "h_prev": units, "memory_prev": MEMORY}),
        **read_shapes(("write", "erase"), ROWS, both),
        **read_shapes(sides, SIDE, both),
    }


def _directions(left: Array, right: Array) -> Array:
    rows = np.einsum("bi,bj->bij", left, right).reshape(len(left), ROWS, MEMORY)
    length = np.sum(absolute(rows) ** 5, axis=-1, keepdims=True) ** 0.2
    return np.asarray(rows / maximum(length, np.array(1e-12)))


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h is batch x units; memory is batch x its size."""
    m_prev = states["memory"]
    a = pre(w, "h", {"x": x, "h_prev": states["h"], "memory_prev": m_prev})
    h = np.where(np.real(a) > 0, a, 0.0)
    both = {"h": h, "memory_prev": m_prev}
    change = 0.0
    for gate, sign in (("write", 1.0), ("erase", -1.0)):
        left, right = (pre(w, f"{gate}_{side}", both) for side in ("left", "right"))
        amount = pre(w, gate, both)
        change = change + sign * np.mean(amount[..., None] * _directions(left, right), axis=1)
    return h, {"h": h, "memory": m_prev + change}


CASES = {
    "nru": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"side": SIDE, "rows": ROWS}},
        widths=lambda units: {"memory": MEMORY},
    )
}
