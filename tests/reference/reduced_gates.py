"""Gated units with less in their gates than the GRU and the MGU have.

    GRU1, 2, 3: r, z = sigmoid(U h_prev + b), sigmoid(U h_prev), sigmoid(b)
                g = tanh(W x + U (r h_prev) + b); h = z h_prev + (1 - z) g
    MGU1, 2, 3: f likewise; g = tanh(W x + U (f h_prev) + b); h = (1 - f) h_prev + f g
    flax's MGU: f = sigmoid(A); g = tanh(W x + b + f (U h_prev + b')); h = f h_prev + (1 - f) g
    LightRU:    f = sigmoid(A), g = tanh(W x + b); h = (1 - f) h_prev + f g
    MiRU1:      r = sigmoid(A), g = tanh(W x + U (r h_prev) + b); h = l h_prev + (1 - l) g
    MiRU2:      a constant in the place of r

A = W x + U h_prev + b.

References: Dey & Salem 2017, arXiv 1701.05923; Heck & Salem 2017, arXiv 1701.03452; flax.linen;
Ye et al. 2024, doi 10.3390/electronics13163204; Zyarah & Kudithipudi 2026, arXiv 2503.06175.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, dense_shapes, sigmoid
from .reads import Shapes, pre, read_shapes

# What a gate reads in variants 1, 2 and 3: the state, and whether it has a bias.
_VARIANTS = {1: (True, True), 2: (True, False), 3: (False, True)}


def _gate_shapes(gates: tuple[str, ...], units: int, variant: int) -> Shapes:
    state, bias = _VARIANTS[variant]
    return read_shapes(gates, units, {"h_prev": units} if state else {}, bias=bias)


def _gate(w: Weights, gate: str, h: Array, variant: int) -> Array:
    if variant == 3:
        return sigmoid(w[f"{gate}.bias"] + np.zeros_like(h))
    return sigmoid(pre(w, gate, {"h_prev": h}, bias=variant == 1))


def gru_shapes(features: int, units: int, variant: int) -> Shapes:
    """The shapes of the weights of GRU1, 2 or 3 by name."""
    candidate = read_shapes("candidate", units, {"x": features, "reset*h_prev": units})
    return _gate_shapes(("reset", "update"), units, variant) | candidate


def gru(x: Array, states: States, w: Weights, variant: int) -> Stepped:
    """One step of GRU1, 2 or 3: emission batch x units, and the new state h."""
    h = states["h"]
    r, z = (_gate(w, gate, h, variant) for gate in ("reset", "update"))
    g = np.tanh(pre(w, "candidate", {"x": x, "reset*h_prev": r * h}))
    h = z * h + (1 - z) * g
    return h, {"h": h}


def mgu_shapes(features: int, units: int, variant: int) -> Shapes:
    """The shapes of the weights of MGU1, 2 or 3 by name."""
    candidate = read_shapes("candidate", units, {"x": features, "forget*h_prev": units})
    return _gate_shapes(("forget",), units, variant) | candidate


def mgu(x: Array, states: States, w: Weights, variant: int) -> Stepped:
    """One step of MGU1, 2 or 3: emission batch x units, and the new state h."""
    h = states["h"]
    f = _gate(w, "forget", h, variant)
    g = np.tanh(pre(w, "candidate", {"x": x, "forget*h_prev": f * h}))
    h = (1 - f) * h + f * g
    return h, {"h": h}


def mgu_flax_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of flax's MGU by name."""
    recurrent = read_shapes("recurrent", units, {"h_prev": units})
    return dense_shapes("forget", features, units) | recurrent | light_ru_candidate(features, units)


def mgu_flax(x: Array, states: States, w: Weights) -> Stepped:
    """One step of flax's MGU: emission batch x units, and the new state h."""
    h = states["h"]
    f = sigmoid(pre(w, "forget", {"x": x, "h_prev": h}))
    g = np.tanh(pre(w, "candidate", {"x": x}) + f * pre(w, "recurrent", {"h_prev": h}))
    h = f * h + (1 - f) * g
    return h, {"h": h}


def light_ru_candidate(features: int, units: int) -> Shapes:
    """The shapes of the weights of a candidate that reads x only."""
    return read_shapes("candidate", units, {"x": features})


def light_ru_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of LightRU by name."""
    return dense_shapes("forget", features, units) | light_ru_candidate(features, units)


def light_ru(x: Array, states: States, w: Weights) -> Stepped:
    """One step of LightRU: emission batch x units, and the new state h."""
    f = sigmoid(pre(w, "forget", {"x": x, "h_prev": states["h"]}))
    h = (1 - f) * states["h"] + f * np.tanh(pre(w, "candidate", {"x": x}))
    return h, {"h": h}


def miru_shapes(features: int, units: int, variant: int) -> Shapes:
    """The shapes of the weights of MiRU1 or 2 by name."""
    recalled = "reset*h_prev" if variant == 1 else "recall*h_prev"
    reset = dense_shapes("reset", features, units) if variant == 1 else {}
    return reset | read_shapes("candidate", units, {"x": features, recalled: units})


def miru1(x: Array, states: States, w: Weights, keep: float = 0.5) -> Stepped:
    """One step of MiRU1: emission batch x units, and the new state h."""
    h = states["h"]
    r = sigmoid(pre(w, "reset", {"x": x, "h_prev": h}))
    h = keep * h + (1 - keep) * np.tanh(pre(w, "candidate", {"x": x, "reset*h_prev": r * h}))
    return h, {"h": h}


def miru2(x: Array, states: States, w: Weights, keep: float = 0.5, recall: float = 0.5) -> Stepped:
    """One step of MiRU2: emission batch x units, and the new state h."""
    h = states["h"]
    h = keep * h + (1 - keep) * np.tanh(pre(w, "candidate", {"x": x, "recall*h_prev": recall * h}))
    return h, {"h": h}


CASES = {
    **{
        f"gru{v}": Case(partial(gru, variant=v), ("h",), partial(gru_shapes, variant=v))
        for v in _VARIANTS
    },
    **{
        f"mgu{v}": Case(partial(mgu, variant=v), ("h",), partial(mgu_shapes, variant=v))
        for v in _VARIANTS
    },
    "mgu_flax": Case(mgu_flax, ("h",), mgu_flax_shapes),
    "light_ru": Case(light_ru, ("h",), light_ru_shapes),
    "miru1": Case(miru1, ("h",), partial(miru_shapes, variant=1)),
    "miru2": Case(miru2, ("h",), partial(miru_shapes, variant=2)),
    "miru2_constants": Case(
        partial(miru2, keep=0.25, recall=0.75),
        ("h",),
        partial(miru_shapes, variant=2),
        "miru2",
        {"constants": {"keep": 0.25, "recall": 0.75}},
    ),
}
