"""GRUs with layer normalisation, and the light GRU.

LN(a) = s (a - mean) / sqrt(variance + 1e-5), over one product or over several side by side.

    layer-norm GRU: r, z = sigmoid(LN(W x) + LN(U h_prev) + b)
                    g = tanh(LN(W x) + b + r (LN(U h_prev) + b')); h = z h_prev + (1 - z) g
                    each product by itself; or those of r and z together, as in Ba et al.; or those
                    of all three together, as in haste
    Li-GRU:         z = sigmoid(LN(W x) + b + U h_prev), g = relu(LN(W x) + b + U h_prev)
                    h = z h_prev + (1 - z) g, both products W x normalised together
    SLi-GRU:        the same with LN(U h_prev), both together and without a scale

References: Ba et al. 2016, arXiv 1607.06450; Ravanelli et al. 2018, arXiv 1803.10225; Moumen &
Parcollet 2023, arXiv 2302.10144.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, normalised, sigmoid
from .reads import Shapes, read_shapes


def layer_norm(a: Array, scale: Array) -> Array:
    """Layer normalisation over the last axis."""
    return scale * normalised(a, 1e-5)


def together(products: Mapping[str, Array], scales: Mapping[str, Array]) -> dict[str, Array]:
    """Layer normalisation of products side by side, each with its scale."""
    names = list(products)
    stacked = layer_norm(
        np.concatenate([products[n] for n in names], axis=-1),
        np.concatenate([scales[n] for n in names], axis=-1),
    )
    parts = np.split(stacked, len(names), axis=-1)
    return dict(zip(names, parts, strict=True))


def gru_shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights of the layer-norm GRU by name."""
    found = read_shapes(("reset", "update"), units, {"x": features, "h_prev": units})
    found |= read_shapes("candidate", units, {"x": features})
    found |= read_shapes("recurrent", units, {"h_prev": units})
    for gate in ("reset", "update", "candidate"):
        found[f"{gate}.x.scale"] = (units,)
    for gate in ("reset", "update", "recurrent"):
        found[f"{gate}.h_prev.scale"] = (units,)
    return found


def gru(x: Array, states: States, w: Weights, sharing: str = "") -> Stepped:
    """One step of the layer-norm GRU: emission batch x units, and the new state h.

    Args:
        x: batch x features.
        states: h, batch x units.
        w: weights by name, see :func:`gru_shapes`.
        sharing: the letters of the gates whose products share statistics, of ``rzg``.
    """
    h = states["h"]
    of_x, of_h = ("reset", "update", "candidate"), ("reset", "update", "recurrent")
    seen = {gate: x @ w[f"{gate}.x"] for gate in of_x}
    recalled = {gate: h @ w[f"{gate}.h_prev"] for gate in of_h}
    scale_x = {gate: w[f"{gate}.x.scale"] for gate in of_x}
    scale_h = {gate: w[f"{gate}.h_prev.scale"] for gate in of_h}
    letters = {"reset": "r", "update": "z", "candidate": "g", "recurrent": "g"}

    def normalised(products: Mapping[str, Array], scales: Mapping[str, Array]) -> dict[str, Array]:
        shared = {gate: a for gate, a in products.items() if letters[gate] in sharing}
        alone = {gate: layer_norm(a, scales[gate]) for gate, a in products.items()}
        return alone | (together(shared, {gate: scales[gate] for gate in shared}) if shared else {})

    seen, recalled = normalised(seen, scale_x), normalised(recalled, scale_h)
    r, z = (
        sigmoid(seen[gate] + recalled[gate] + w[f"{gate}.bias"]) for gate in ("reset", "update")
    )
    recurrent = recalled["recurrent"] + w["recurrent.bias"]
    g = np.tanh(seen["candidate"] + w["candidate.bias"] + r * recurrent)
    h = z * h + (1 - z) * g
    return h, {"h": h}


def ligru_shapes(features: int, units: int, stabilised: bool = False) -> Shapes:
    """The shapes of the weights of Li-GRU and SLi-GRU by name."""
    found: Shapes = {}
    for gate in ("update", "candidate"):
        found |= read_shapes(f"seen_{gate}", units, {"x": features})
        found[f"seen_{gate}.x.scale"] = (units,)
        recalled = f"recalled_{gate}" if stabilised else gate
        found[f"{recalled}.h_prev"] = (units, units)
    return found


def ligru(x: Array, states: States, w: Weights, stabilised: bool = False) -> Stepped:
    """One step of Li-GRU or SLi-GRU: emission batch x units, and the new state h."""
    h, gates = states["h"], ("update", "candidate")
    seen = together(
        {gate: x @ w[f"seen_{gate}.x"] for gate in gates},
        {gate: w[f"seen_{gate}.x.scale"] for gate in gates},
    )
    prefix = "recalled_" if stabilised else ""
    recalled = {gate: h @ w[f"{prefix}{gate}.h_prev"] for gate in gates}
    if stabilised:
        recalled = together(recalled, {gate: np.ones(h.shape[-1]) for gate in gates})
    z, g = (seen[gate] + w[f"seen_{gate}.bias"] + recalled[gate] for gate in gates)
    h = sigmoid(z) * h + (1 - sigmoid(z)) * maximum(g, np.zeros_like(g))
    return h, {"h": h}


CASES = {
    "layer_norm_gru": Case(gru, ("h",), gru_shapes),
    "layer_norm_gru_stacked": Case(partial(gru, sharing="rz"), ("h",), gru_shapes),
    "layer_norm_gru_haste": Case(partial(gru, sharing="rzg"), ("h",), gru_shapes),
    "ligru": Case(ligru, ("h",), ligru_shapes),
    "sligru": Case(partial(ligru, stabilised=True), ("h",), partial(ligru_shapes, stabilised=True)),
}
