"""sLSTM of the xLSTM family: an exponential input gate, kept finite by a running maximum.

    a_i, a_f, a_o, a_g = W x + U h_prev + b, each with its own weights
    m = max(log sigmoid(a_f) + m_prev, a_i)   the stabiliser
    i = exp(a_i - m)
    f = exp(log sigmoid(a_f) + m_prev - m)
    c = f c_prev + i tanh(a_g)
    n = f n_prev + i                          the normaliser
    h = sigmoid(a_o) c / n

The first step has no formula of its own: with h = c = n = m = 0 before it the lines above hold. m
comes out as max(log sigmoid(a_f), a_i) and h as sigmoid(a_o) tanh(a_g), because m cancels between c
and n; only where a_i lies far below log sigmoid(a_f) (745 in float64, 103 in float32) does the
first n underflow to zero and h become 0 / 0. The authors' code sets m = a_i while n is still zero,
which is what m = -1e30 before the first step gives here: the emissions are the same, the stored m,
c and n differ. The recurrent reads of slstm are plain dense ones; slstm_heads has those of the
authors, block diagonal by head.

Reference: Beck et al. 2024, "xLSTM: extended long short-term memory", arXiv 2405.04517, and the
authors' code (NX-AI/xlstm, blocks/slstm).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import (
    Array,
    States,
    Stepped,
    Weights,
    affine,
    dense_shapes,
    log_sigmoid,
    maximum,
    sigmoid,
)

STATES = ("h", "c", "n", "m")
GATES = ("input", "forget", "output", "candidate")
HEADS = 2
READS = {"x": "dense", "h_prev": {"kind": "block", "blocks": HEADS}}


def shapes(features: int, units: int, heads: int = 1) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found = {k: s for gate in GATES for k, s in dense_shapes(gate, features, units).items()}
    if heads > 1:
        found |= {f"{gate}.h_prev": (heads, units // heads, units // heads) for gate in GATES}
    return found


def by_head(x: Array, states: States, w: Weights) -> Stepped:
    """One time step in which a unit reads only the units of its own head; as :func:`step`."""
    whole = {name: w[name] for name in w}
    for gate in GATES:
        blocks = w[f"{gate}.h_prev"]
        heads, width, _ = blocks.shape
        matrix = np.zeros((heads, width, heads, width), blocks.dtype)
        for head in range(heads):
            matrix[head, :, head] = blocks[head]
        whole[f"{gate}.h_prev"] = matrix.reshape(heads * width, heads * width)
    return step(x, states, whole)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, c, n and m, each batch x units; all zero before the first step (or m = -1e30).
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev, n_prev, m_prev = (states[name] for name in STATES)
    a_i = affine(w, "input", x, h_prev)
    kept = log_sigmoid(affine(w, "forget", x, h_prev)) + m_prev
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    m = maximum(kept, a_i)
    i = np.exp(a_i - m)
    f = np.exp(kept - m)
    c = f * c_prev + i * g
    n = f * n_prev + i
    h = o * c / n
    return h, {"h": h, "c": c, "n": n, "m": m}


def _start(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    return {"n": np.exp(rng.standard_normal((batch, units)))}  # a normaliser is positive


CASES = {
    "slstm": Case(step, STATES, shapes, start=_start),
    "slstm_heads": Case(
        by_head,
        STATES,
        partial(shapes, heads=HEADS),
        config={"gates": {gate: {"reads": READS} for gate in GATES}},
        start=_start,
    ),
}
