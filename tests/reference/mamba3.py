"""Mamba-3 with one input and one output per head: a trapezoidal rule and a rotating state.

    D = softplus(W x + b);  a = exp(-max(softplus(W x), 1e-4) D);  l = sigmoid(W x), for each head
    B, C = scale * W x / rms(W x) + bias of each head, both of N pairs of numbers
    phase = phase_prev + pi tanh(W x) D; B and C are rotated by it, pair by pair
    S = a S_prev + (1 - l) D a v_prev B_prev^T + l D v B^T,  v = W x
    h = silu(W x) (S C + skip v)

Reference: Lahoti et al. 2026, arXiv 2603.15569, with the authors' token-by-token reference
(state-spaces/mamba, mamba3_siso_step_ref) and the layer in flash-linear-attention.
"""

from __future__ import annotations

import numpy as np

from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid, silu, softplus
from .memories import cut
from .reads import Shapes, pre, read_shapes

STATES = ("S_re", "S_im", "phase", "key_re", "key_im", "value")
HEADS, PAIRS, EPS = 2, 3, 1e-5


def shapes(features: int, units: int) -> Shapes:
    """The shapes of the weights by name."""
    found: Shapes = {"skip": (HEADS,)}
    reads = {"x": features}
    for vector in ("input", "output"):
        for part in ("re", "im"):
            found |= read_shapes(f"{vector}_{part}", PAIRS, reads, bias=False)
            found[f"{vector}_scale_{part}"] = (PAIRS,)
            found[f"{vector}_bias_{part}"] = (HEADS * PAIRS,)
    found |= read_shapes(("signal", "gate"), units, reads, bias=False)
    found |= read_shapes(("rate", "trapezoid"), HEADS, reads, bias=False)
    found |= read_shapes("angle", PAIRS, reads, bias=False)
    return found | read_shapes("step", HEADS, reads)


def _vector(x: Array, w: Weights, name: str, phase: Array) -> tuple[Array, Array]:
    """B or C, normalised over all its numbers, with its bias, rotated: batch x heads x pairs."""
    parts = [x @ w[f"{name}_{part}.x"] for part in ("re", "im")]
    both = np.concatenate(parts, -1)
    rms = np.sqrt(np.mean(both**2, axis=-1, keepdims=True) + EPS)
    re, im = (
        (value / rms * w[f"{name}_scale_{part}"])[:, None]
        + w[f"{name}_bias_{part}"].reshape(HEADS, PAIRS)
        for part, value in zip(("re", "im"), parts, strict=True)
    )
    cos, sin = np.cos(phase), np.sin(phase)
    return re * cos - im * sin, re * sin + im * cos


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One step.

    S_re and S_im are batch x (heads d pairs); phase and the last rotated B, key_re and key_im,
    batch x (heads pairs); the last v, value, batch x units.
    """
    batch, reads = len(x), {"x": x}
    D = softplus(pre(w, "step", reads))
    rate = maximum(softplus(x @ w["rate.x"]), np.full(1, 1e-4))
    trapezoid = sigmoid(x @ w["trapezoid.x"])
    turn = np.pi * np.tanh(x @ w["angle.x"])
    phase = states["phase"].reshape(batch, HEADS, PAIRS) + D[:, :, None] * turn[:, None]
    B, C = (_vector(x, w, name, phase) for name in ("input", "output"))
    v = cut(x @ w["signal.x"], HEADS)
    keep = np.exp(-rate * D)
    h = w["skip"][:, None] * v
    new = {"phase": phase.reshape(batch, -1), "value": v.reshape(batch, -1)}
    v_prev = cut(states["value"], HEADS)
    for part, b, c in zip(("re", "im"), B, C, strict=True):
        shape = (batch, HEADS, v.shape[-1], PAIRS)
        write = v[:, :, :, None] * b[:, :, None, :]
        b_prev = states[f"key_{part}"].reshape(batch, HEADS, PAIRS)
        old = v_prev[:, :, :, None] * b_prev[:, :, None, :]
        S = states[f"S_{part}"].reshape(shape)
        at = np.index_exp[:, :, None, None]
        S = keep[at] * (S + ((1 - trapezoid) * D)[at] * old) + (trapezoid * D)[at] * write
        h = h + np.einsum("bhdn,bhn->bhd", S, c)
        new |= {f"S_{part}": S.reshape(batch, -1), f"key_{part}": b.reshape(batch, -1)}
    return silu(x @ w["gate.x"]) * h.reshape(batch, -1), new


CASES = {
    "mamba3": Case(
        step,
        STATES,
        shapes,
        config={"constants": {"heads": HEADS, "pairs": PAIRS}},
        widths=lambda units: {
            **dict.fromkeys(("S_re", "S_im"), units * PAIRS),
            **dict.fromkeys(("phase", "key_re", "key_im"), HEADS * PAIRS),
        },
    )
}
