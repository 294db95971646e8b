"""The simple recurrent network of Elman.

    h = tanh(W x + U h_prev + b)

Reference: Elman 1990, "Finding structure in time", doi 10.1207/s15516709cog1402_1; with tanh as
in Keras.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, affine, dense_shapes

STATES = ("h",)


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    return dense_shapes("candidate", features, units)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission h, batch x units, and the new states.
    """
    h = np.tanh(affine(w, "candidate", x, states["h"]))
    return h, {"h": h}


CASES = {"rnn": Case(step, STATES, shapes)}
