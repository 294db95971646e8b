"""Ordered-neurons LSTM: master gates that order the units by how long they keep.

    i, f, o = sigmoid(W x + U h_prev + b), each with its own weights
    g = tanh(W x + U h_prev + b)
    F = cumax(W x + U h_prev + b)             the master forget gate, one value per chunk
    I = 1 - cumax(W x + U h_prev + b)         the master input gate, one value per chunk
    m = F I
    c = (f m + F - m) c_prev + (i m + I - m) g
    h = o tanh(c)

A chunk is ``units // width of the master gates`` units that stand side by side.

Reference: Shen et al. 2019, "Ordered neurons", arXiv 1810.09536.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, cumax, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int, chunk: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    wide = ("input", "forget", "output", "candidate")
    widths = dict.fromkeys(wide, units)
    widths |= dict.fromkeys(("master_forget", "master_input"), units // chunk)
    return {
        k: s
        for gate, n in widths.items()
        for k, s in dense_shapes(gate, features, units, n).items()
    }


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h_prev, c_prev = states["h"], states["c"]
    i = sigmoid(affine(w, "input", x, h_prev))
    f = sigmoid(affine(w, "forget", x, h_prev))
    o = sigmoid(affine(w, "output", x, h_prev))
    g = np.tanh(affine(w, "candidate", x, h_prev))
    chunk = c_prev.shape[-1] // w["master_forget.bias"].shape[-1]
    master_f = np.repeat(cumax(affine(w, "master_forget", x, h_prev)), chunk, axis=-1)
    master_i = np.repeat(1 - cumax(affine(w, "master_input", x, h_prev)), chunk, axis=-1)
    overlap = master_f * master_i
    f_hat = f * overlap + (master_f - overlap)
    i_hat = i * overlap + (master_i - overlap)
    c = f_hat * c_prev + i_hat * g
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CHUNK = 2
CASES = {
    "on_lstm": Case(
        step,
        STATES,
        lambda features, units: shapes(features, units, CHUNK),
        config={"constants": {"chunk": CHUNK}},
    )
}
