"""LSTM with peepholes: input and forget gate see the old memory, the output gate the new one.

    i, f = sigmoid(W x + U h_prev + p c_prev + b), each with its own weights; p is a vector
    g = tanh(W x + U h_prev + b)
    c = f c_prev + i g
    o = sigmoid(W x + U h_prev + p c + b)
    h = o tanh(c)

Reference: Gers, Schraudolph & Schmidhuber 2002, "Learning precise timing with LSTM recurrent
networks", doi 10.1162/153244303768966139 (there the memory is squashed by other functions); the
form is V of Greff et al. 2015, arXiv 1503.04069.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes, sigmoid

STATES = ("h", "c")


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    gates = ("input", "forget", "output", "candidate")
    dense = {k: s for gate in gates for k, s in dense_shapes(gate, features, units).items()}
    peepholes = ("input.c_prev", "forget.c_prev", "output.c")
    return dense | dict.fromkeys(peepholes, (units,))


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
    i = sigmoid(affine(w, "input", x, h_prev) + w["input.c_prev"] * c_prev)
    f = sigmoid(affine(w, "forget", x, h_prev) + w["forget.c_prev"] * c_prev)
    g = np.tanh(affine(w, "candidate", x, h_prev))
    c = f * c_prev + i * g
    o = sigmoid(affine(w, "output", x, h_prev) + w["output.c"] * c)
    h = o * np.tanh(c)
    return h, {"h": h, "c": c}


CASES = {"peephole": Case(step, STATES, shapes)}
