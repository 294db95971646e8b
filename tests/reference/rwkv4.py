"""Time mixing of RWKV 4, with a running maximum that keeps the exponentials finite.

    k, v, r of mix x + (1 - mix) x_prev, each with its own mix; r through a sigmoid
    wkv = (A + e^(bonus + k) v) / (B + e^(bonus + k)),  h = r wkv
    A' = e^(-decay) A + e^k v,  B' = e^(-decay) B + e^k

A = a e^m and B = b e^m, with m the maximum of the exponents so far.

Reference: Peng et al. 2023, arXiv 2305.13048.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .reads import Shapes

STATES = ("m", "a", "b", "x")
FEATURES = 2


def _text(gate: str) -> str:
    return f"{gate}.mix_{gate}*x+(1-mix_{gate})*x_prev"


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name; ``decay`` enters through exp."""
    gates = ("key", "value", "receptance")
    mixes = {f"mix_{gate}": (features,) for gate in gates}
    per_unit = {"decay": (units,), "bonus": (units,)}
    return mixes | per_unit | {_text(gate): (features, units) for gate in gates}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; m, a and b are batch x units; x is the last input."""

    def mixed(gate: str) -> Array:
        mix = w[f"mix_{gate}"]
        read: Array = (mix * x + (1 - mix) * states["x"]) @ w[_text(gate)]
        return read

    k, v, r = mixed("key"), mixed("value"), sigmoid(mixed("receptance"))
    m, a, b = states["m"], states["a"], states["b"]
    q = maximum(m, w["bonus"] + k)
    numerator = np.exp(m - q) * a + np.exp(w["bonus"] + k - q) * v
    h = r * numerator / (np.exp(m - q) * b + np.exp(w["bonus"] + k - q))
    decayed = m - np.exp(w["decay"])
    m = maximum(decayed, k)
    kept, added = np.exp(decayed - m), np.exp(k - m)
    return h, {"m": m, "a": kept * a + added * v, "b": kept * b + added, "x": x}


def _start(rng: np.random.Generator, batch: int, units: int) -> dict[str, Array]:
    # The denominator is a sum of exponentials.
    return {"b": rng.uniform(0.5, 1.5, (batch, units))}


CASES = {
    "rwkv4": Case(
        step, STATES, shapes, widths=lambda units: {"x": FEATURES}, start=_start, features=FEATURES
    )
}
