"""Linear recurrent unit, with complex numbers.

    lambda = exp(-nu + i theta)
    s = lambda s_prev + gamma (B x),  gamma = gain sqrt(1 - |lambda|^2)
    y = Re(C s) + D x

The layer keeps real and imaginary part of s as two states, and minus the imaginary part of C. Here
the complex numbers are pairs as well, since complex steps carry the derivatives.

Reference: Orvieto et al. 2023, arXiv 2303.06349.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights
from .reads import Shapes, read_shapes

STATES = ("re", "im")


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; nu, theta and gain enter through exp."""
    drive = read_shapes(("drive_re", "drive_im"), units, {"x": features}, bias=False)
    reads = {"re": units, "im": units, "x": features}
    own = dict.fromkeys(("nu", "theta", "gain"), (units,))
    return own | drive | read_shapes("output", units, reads, bias=False)


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step.

    Args:
        x: batch x features.
        states: re and im, each batch x units.
        w: weights by name, see :func:`shapes`.

    Returns:
        The emission, batch x units, and the new states.
    """
    radius, angle = np.exp(-np.exp(w["nu"])), np.exp(w["theta"])
    gamma = np.exp(w["gain"]) * np.sqrt(1 - radius**2)
    turned_re = radius * (np.cos(angle) * states["re"] - np.sin(angle) * states["im"])
    turned_im = radius * (np.sin(angle) * states["re"] + np.cos(angle) * states["im"])
    re = turned_re + gamma * (x @ w["drive_re.x"])
    im = turned_im + gamma * (x @ w["drive_im.x"])
    y = re @ w["output.re"] + im @ w["output.im"] + x @ w["output.x"]
    return y, {"re": re, "im": im}


CASES = {"lru": Case(step, STATES, shapes)}
