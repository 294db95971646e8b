"""Mamba 2: a state space model with one decay for each head, whose input and output are shared.

    u, B, C = silu(W x);  z = silu(W x);  D = softplus(W x + b), a number for each head
    S_i = exp(-D_i rate_i) S_i,prev + D_i u_i B^T, of size d x N in head i
    h_i = z_i (S_i C + skip_i u_i)

Reference: Dao & Gu 2024, arXiv 2405.21060; the gate stands where the authors' code has it, before
the norm.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, silu, softplus
from .heads import cut
from .reads import Shapes, pre, read_shapes

STATES = ("S",)
HEADS, SIZE = 2, 3


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; rate enters through exp."""
    reads = {"x": features}
    return {
        "rate": (HEADS,),
        "skip": (HEADS,),
        **read_shapes(("signal", "gate"), units, reads, bias=False),
        **read_shapes(("input", "output"), SIZE, reads, bias=False),
        **read_shapes("step", HEADS, reads),
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; S is batch x (heads d size)."""
    u, z, B, C = (silu(pre(w, g, {"x": x}, False)) for g in ("signal", "gate", "input", "output"))
    u, z = cut(u, HEADS), cut(z, HEADS)
    D = softplus(pre(w, "step", {"x": x}))
    S_prev = states["S"].reshape(len(x), HEADS, -1, SIZE)
    S, h = [], []
    for head in range(HEADS):
        keep = np.exp(-D[:, head] * np.exp(w["rate"][head]))
        write = np.einsum("b,bd,bn->bdn", D[:, head], u[:, head], B)
        S.append(keep[:, None, None] * S_prev[:, head] + write)
        read = np.einsum("bdn,bn->bd", S[head], C)
        h.append(z[:, head] * (read + w["skip"][head] * u[:, head]))
    return np.concatenate(h, -1), {"S": np.stack(S, 1).reshape(len(x), -1)}


CASES = {
    "mamba2": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS, "size": SIZE}},
        widths=lambda units: {"S": units * SIZE},
    )
}
