"""Liquid time-constant networks, whose equation is solved in several steps.

    g_ij = w_ij sigmoid(sigma_ij (v_j - mu_ij)) from neuron j to neuron i, and from the inputs
    n times a step:
    v = (C v + leak rest + sum_j g_ij e_ij) / (C + leak + sum_j g_ij + 1e-8)
    with C = membrane n / elapsed; input and output each with a scale and an offset

Reference: Hasani et al. 2021, arXiv 2006.04439.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, softplus
from .reads import Shapes


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; w, leak and membrane enter through softplus."""
    found: Shapes = {}
    for prefix, width in (("", units), ("sensory_", features)):
        for name in ("w", "sigma", "mu", "reversal"):
            found[f"{prefix}{name}"] = (units * width,)
    for name in ("membrane", "leak", "rest", "output_scale", "output_offset"):
        found[name] = (units,)
    return found | {"input_scale": (features,), "input_offset": (features,)}


def _conductances(w: Weights, prefix: str, v: Array, units: int) -> tuple[Array, Array]:
    """The sums over senders of conductance times reversal potential, and of conductance."""
    weight, sigma, mu, reversal = (
        w[f"{prefix}{name}"].reshape(units, -1) for name in ("w", "sigma", "mu", "reversal")
    )
    g = softplus(weight) * sigmoid(sigma * (v[:, None, :] - mu))
    return np.sum(g * reversal, axis=-1), np.sum(g, axis=-1)


def step(x: Array, states: States, w: Weights, unfolds: int = 6, elapsed: float = 1.0) -> Stepped:
    """One step; v is batch x units."""
    v = states["v"]
    units = v.shape[-1]
    seen = w["input_scale"] * x + w["input_offset"]
    drive, load = _conductances(w, "sensory_", seen, units)
    capacity = softplus(w["membrane"]) / (elapsed / unfolds)
    leak = softplus(w["leak"])
    for _ in range(unfolds):
        current, conductance = _conductances(w, "", v, units)
        numerator = capacity * v + leak * w["rest"] + current + drive
        v = numerator / (capacity + leak + conductance + load + 1e-8)
    return w["output_scale"] * v + w["output_offset"], {"v": v}


CASES = {
    "ltc": Case(step, ("v",), shapes),
}
