"""HyperLSTM: a small LSTM gives the vectors that scale and shift the reads of a large one.

    N(a) = s (a - mean(a)) / sqrt(var(a) + eps) + b, with s and b of its own in each place
    small:  a_k = N(W_k x + V_k h_prev + U_k e_prev), eps = 1e-3, for k in i, f, o, g
            d = sigmoid(a_f) d_prev + sigmoid(a_i) tanh(a_g)
            e = sigmoid(a_o) tanh(N(d))
    large:  z_x = X_k e + b, z_h = Y_k e + b, z_b = B_k e
            a_k = N((P_k z_x) (W_k x) + (Q_k z_h) (U_k h_prev) + R_k z_b + q_k), eps = 1e-3
            c = sigmoid(a_f) c_prev + sigmoid(a_i) tanh(a_g)
            h = sigmoid(a_o) tanh(N(c))

N of a memory has eps = 1e-3, too, as in the authors' code.

Reference: Ha, Dai & Le 2017, "HyperNetworks", arXiv 1609.09106, and the code of its first author.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, normalised, sigmoid

STATES = ("h", "small_h", "small_c", "c")
GATES = ("input", "forget", "output", "candidate")
SMALL, EMBEDDING = 3, 2


def shapes(features: int, units: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name."""
    found: dict[str, tuple[int, ...]] = {
        "small_shown.scale": (SMALL,),
        "small_shown.offset": (SMALL,),
        "shown.scale": (units,),
        "shown.offset": (units,),
    }
    for k in GATES:
        found |= {
            f"small_{k}.x": (features, SMALL),
            f"small_{k}.h_prev": (units, SMALL),
            f"small_{k}.small_h_prev": (SMALL, SMALL),
            f"small_{k}.scale": (SMALL,),
            f"small_{k}.bias": (SMALL,),
            f"{k}_x.x": (features, units),
            f"{k}_h.h_prev": (units, units),
            f"{k}_zb.small_h": (SMALL, EMBEDDING),
            f"{k}_shift.{k}_zb": (EMBEDDING, units),
            f"{k}_offset": (units,),
            f"{k}.scale": (units,),
            f"{k}.bias": (units,),
        }
        for of in ("x", "h"):
            found[f"{k}_z{of}.small_h"] = (SMALL, EMBEDDING)
            found[f"{k}_z{of}.bias"] = (EMBEDDING,)
            found[f"{k}_scale_{of}.{k}_z{of}"] = (EMBEDDING, units)
    return found


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step; h and c are batch x units, the states of the small LSTM batch x its units."""
    h_prev, e_prev = states["h"], states["small_h"]

    def small(k: str) -> Array:
        name = f"small_{k}"
        a = x @ w[f"{name}.x"] + h_prev @ w[f"{name}.h_prev"] + e_prev @ w[f"{name}.small_h_prev"]
        return normalised(a, 1e-3) * w[f"{name}.scale"] + w[f"{name}.bias"]

    d = sigmoid(small("forget")) * states["small_c"]
    d = d + sigmoid(small("input")) * np.tanh(small("candidate"))
    shown = normalised(d, 1e-3) * w["small_shown.scale"] + w["small_shown.offset"]
    e = sigmoid(small("output")) * np.tanh(shown)

    def large(k: str) -> Array:
        z_x = e @ w[f"{k}_zx.small_h"] + w[f"{k}_zx.bias"]
        z_h = e @ w[f"{k}_zh.small_h"] + w[f"{k}_zh.bias"]
        a = (z_x @ w[f"{k}_scale_x.{k}_zx"]) * (x @ w[f"{k}_x.x"])
        a = a + (z_h @ w[f"{k}_scale_h.{k}_zh"]) * (h_prev @ w[f"{k}_h.h_prev"])
        a = a + (e @ w[f"{k}_zb.small_h"]) @ w[f"{k}_shift.{k}_zb"] + w[f"{k}_offset"]
        return normalised(a, 1e-3) * w[f"{k}.scale"] + w[f"{k}.bias"]

    c = sigmoid(large("forget")) * states["c"]
    c = c + sigmoid(large("input")) * np.tanh(large("candidate"))
    shown = normalised(c, 1e-3) * w["shown.scale"] + w["shown.offset"]
    h = sigmoid(large("output")) * np.tanh(shown)
    return h, {"h": h, "small_h": e, "small_c": d, "c": c}


CASES = {
    "hyper_lstm": Case(
        step,
        STATES,
        shapes,
        config={
            "constants": {"small": SMALL},
            "gates": {f"{k}_z{of}": {"units": EMBEDDING} for k in GATES for of in "xhb"},
        },
        widths=lambda units: {"small_h": SMALL, "small_c": SMALL},
        features=1,
        units=3,
    )
}
