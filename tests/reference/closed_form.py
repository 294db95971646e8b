"""Closed-form continuous-time networks, and the liquid networks that they approximate.

    CfC: b = 1.7159 tanh(0.666 (W x + U h_prev + b)); f, g = tanh(W b + b)
         s = sigmoid((W b + b) dt + (W b + b)); h = f (1 - s) + s g
         without the complementary gate: h = f + s g
         pure: f = W b + b, h = A - A exp(-dt (|rate| + |f|)) f
    LTC: from neuron j to neuron i, g_ij = w_ij sigmoid(sigma_ij (v_j - mu_ij)), from the inputs
         likewise; n times a step
         v = (C v + leak rest + sum_j g_ij e_ij) / (C + leak + sum_j g_ij + 1e-8)
         with C = membrane n / elapsed; input and output each with a scale and an offset

References: Hasani et al. 2022, arXiv 2106.13898; Hasani et al. 2021, arXiv 2006.04439.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, sigmoid, softplus
from .reads import Shapes, pre, read_shapes

BACKBONE = 5


def _abs(a: Array) -> Array:
    return np.where(np.real(a) >= 0, a, -a)


def cfc_shapes(features: int, units: int, mode: str = "default", backbone: int = 128) -> Shapes:
    """The shapes of the weights of CfC by name."""
    found = read_shapes("backbone", backbone, {"x": features, "h_prev": units})
    heads = ["start"] if mode == "pure" else ["start", "goal", "time_scale", "time_shift"]
    found |= read_shapes(heads, units, {"backbone": backbone})
    return found | ({"rate": (units,), "level": (units,)} if mode == "pure" else {})


def cfc(x: Array, states: States, w: Weights, mode: str = "default", dt: float = 1.0) -> Stepped:
    """One step of CfC: emission batch x units, and the new state h."""
    b = 1.7159 * np.tanh(0.666 * pre(w, "backbone", {"x": x, "h_prev": states["h"]}))
    f = pre(w, "start", {"backbone": b})
    if mode == "pure":
        h = w["level"] - w["level"] * np.exp(-dt * (_abs(w["rate"]) + _abs(f))) * f
        return h, {"h": h}
    g = np.tanh(pre(w, "goal", {"backbone": b}))
    s = sigmoid(pre(w, "time_scale", {"backbone": b}) * dt + pre(w, "time_shift", {"backbone": b}))
    f = np.tanh(f)
    h = f + s * g if mode == "no_gate" else f * (1 - s) + s * g
    return h, {"h": h}


def ltc_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of LTC by name; w, leak and membrane enter through softplus."""
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


def ltc(x: Array, states: States, w: Weights, unfolds: int = 6, elapsed: float = 1.0) -> Stepped:
    """One step of LTC: emission batch x units, and the new state v."""
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


def _case(mode: str, cell: str) -> Case:
    # The time between steps differs from the default, and the backbone is small.
    return Case(
        partial(cfc, mode=mode, dt=0.7),
        ("h",),
        partial(cfc_shapes, mode=mode, backbone=BACKBONE),
        cell,
        {"constants": {"dt": 0.7, "backbone_units": BACKBONE}},
    )


CASES = {
    "cfc": _case("default", "cfc"),
    "cfc_no_gate": _case("no_gate", "cfc_no_gate"),
    "cfc_pure": _case("pure", "cfc_pure"),
    "ltc": Case(ltc, ("v",), ltc_shapes),
}
