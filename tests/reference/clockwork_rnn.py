"""Clockwork RNN: modules of units that wake up at their own periods.

    module g of n has the period 2^g; at step t (from 1) it is awake if its period divides t
    awake:   h_g = tanh(W_g x + b_g + sum over modules k >= g of U_kg h_k,prev)
    asleep:  h_g = h_g,prev

Reference: Koutnik et al. 2014, "A clockwork RNN", arXiv 1402.3511, and the code of Greff, one of
its authors (Qwlouse/pylstm: ClockworkLayer, whose first step has the number 1, and its example).
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .reads import Shapes, read_shapes

STATES = ("h", "t")
MODULES = 2


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; a row of recurrent is the unit that is read."""
    return {"recurrent": (units * units,)} | read_shapes("drive", units, {"x": features})


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h is batch x units; t, the steps so far, batch x 1."""
    h_prev, t = states["h"], states["t"]
    units = h_prev.shape[-1]
    width, weights = units // MODULES, w["recurrent"].reshape(units, units)
    modules = []
    for g in range(MODULES):
        own = slice(g * width, (g + 1) * width)
        inner = x @ w["drive.x"][:, own] + w["drive.bias"][own]
        inner = inner + h_prev[:, own.start :] @ weights[own.start :, own]  # itself and slower ones
        awake = (np.real(t) + 1) % 2**g == 0
        modules.append(np.where(awake, np.tanh(inner), h_prev[:, own]))
    h = np.concatenate(modules, -1)
    return h, {"h": h, "t": t + 1}


def _start(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    return {"t": np.arange(batch, dtype=float)[:, None]}


CASES = {
    "clockwork_rnn": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"modules": MODULES}},
        widths=lambda units: {"t": 1},
        start=_start,
        flat=("t",),
    )
}
