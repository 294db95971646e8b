"""Cells with a matrix as state, by hand in chunks: matrix products over many steps at once.

Within a chunk of `CHUNK` steps all pairs of steps are one masked product; between chunks the state
is passed on. They are written once, over the functions of an array library (the classes `Arrays`),
for a Keras layer and for torch.
Queries, keys and values are ``batch x heads x chunks x steps x width``.

Sources: Katharopoulos et al. 2020, arXiv:2006.16236; Yang et al. 2023, arXiv:2312.06635, section 4;
Yang et al. 2024, arXiv:2406.06484, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

CHUNK, HEADS, RANK, TAU, EPS = 64, 4, 16, 16.0, 1e-6


@dataclass(frozen=True)
class InChunks:
    """A cell by hand, computed in chunks.

    Args:
        columns: gatekit's weights that are side by side in the one matrix for x.
        others: further weights, by gatekit's names, with their shapes.
        outputs: ``outputs(xp, weights, x, z, heads, valid, units)`` with ``z = x kernel``;
            ``heads`` splits its argument into heads and chunks, ``valid`` marks the steps of x.
    """

    columns: tuple[str, ...]
    outputs: Callable[..., Any]
    others: tuple[str, ...] = ()

    def shapes(self, features: int, units: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight."""
        special = {
            "forget.x.left": (features, RANK),
            "forget.x.right": (RANK, units),
            "forget.bias": (units,),
        }
        width = sum(HEADS if name == "beta.x" else units for name in self.columns)
        return {"kernel": (features, width), **{name: special[name] for name in self.others}}

    def pack(self, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return gatekit's weights, stacked."""
        kernel = np.concatenate([named[name] for name in self.columns], axis=1)
        return {"kernel": kernel, **{name: named[name] for name in self.others}}


def layer_outputs(cell: InChunks, xp: Any, weights: Mapping[str, Any], x: Any, units: int) -> Any:
    """Return what a cell emits at every step, ``batch x time x units``.

    Args:
        cell: the cell.
        xp: the array functions.
        weights: its weights by name.
        x: ``batch x time x features``; the time is known.
        units: the width of the cell.
    """
    time = x.shape[1]
    steps = min(CHUNK, time)
    x = xp.pad(x, -time % steps)
    valid = (np.arange(x.shape[1]) < time).reshape(-1, steps, 1)
    z = xp.matmul(x, weights["kernel"])

    def heads(value: Any) -> Any:
        """Return ``batch x heads x chunks x steps x width`` of ``batch x time x heads width``."""
        shape = (-1, x.shape[1] // steps, steps, HEADS, value.shape[-1] // HEADS)
        return xp.transpose(xp.reshape(value, shape), (0, 3, 1, 2, 4))

    found = cell.outputs(xp, weights, x, z, heads, valid, units)
    flat = xp.reshape(xp.transpose(found, (0, 2, 3, 1, 4)), (-1, x.shape[1], units))
    return flat[:, :time]


def _causal(xp: Any, steps: int, like: Any, strict: bool = False) -> Any:
    return xp.constant(np.tril(np.ones((steps, steps)), -1 if strict else 0), like)


def _linear_attention(
    xp: Any, weights: Any, x: Any, z: Any, heads: Any, valid: Any, units: int
) -> Any:
    q, k, v = (heads(part) for part in xp.split(z, (units, units, units)))
    q = xp.elu(q) + 1
    k = (xp.elu(k) + 1) * xp.constant(valid, k)
    within = xp.matmul(q, xp.swapped(k)) * _causal(xp, q.shape[-2], q)
    added = xp.matmul(xp.swapped(k), v)
    before = xp.cumsum(added, 2) - added
    total = xp.sum(k, 3)
    counted = xp.matmul(q, (xp.cumsum(total, 2) - total)[..., None]) + xp.sum(within, 4)[..., None]
    return (xp.matmul(within, v) + xp.matmul(q, before)) / (counted + EPS)


def _gla(xp: Any, weights: Any, x: Any, z: Any, heads: Any, valid: Any, units: int) -> Any:
    q, k, v = (heads(part) for part in xp.split(z, (units, units, units)))
    low = xp.matmul(xp.matmul(x, weights["forget.x.left"]), weights["forget.x.right"])
    forget = xp.log_sigmoid(heads(low + weights["forget.bias"])) / TAU
    run = xp.cumsum(forget, 3)
    whole = run[..., -1:, :]
    # With the middle of the chunk as zero, no exponent grows beyond half of the chunk's decay.
    near = run - whole / 2
    within = xp.matmul(q * xp.exp(near), xp.swapped(k * xp.exp(-near)))
    within = within * _causal(xp, q.shape[-2], q)
    added = xp.matmul(xp.swapped(k * xp.exp(whole - run)), v)
    keep = xp.exp(whole[..., 0, :])[..., None]
    (before,) = xp.scan(
        lambda s, kept, new: (kept * s + new, (s,)), (keep, added), 0 * added[:, :, 0]
    )
    out = xp.matmul(within, v) + xp.matmul(q * xp.exp(run), before)
    return out / (units / HEADS) ** 0.5


def _delta_net(xp: Any, weights: Any, x: Any, z: Any, heads: Any, valid: Any, units: int) -> Any:
    parts = xp.split(z, (units, units, units, HEADS))
    q, k, v = (xp.silu(heads(part)) for part in parts[:3])
    q, k = (value * xp.rsqrt(xp.sum(value * value, 4)[..., None] + EPS) for value in (q, k))
    beta = xp.sigmoid(heads(parts[3])) * xp.constant(valid, k)
    steps = q.shape[-2]
    scores = xp.matmul(beta * k, xp.swapped(k)) * _causal(xp, steps, q, strict=True)
    both = xp.solve_unit_lower(scores, xp.concat([beta * k, beta * v]))
    w, u = xp.split(both, (units // HEADS, units // HEADS))

    def step(s: Any, k: Any, w: Any, u: Any) -> Any:
        r = u - xp.matmul(w, s)
        return s + xp.matmul(xp.swapped(k), r), (s, r)

    first = 0 * xp.matmul(xp.swapped(k[:, :, 0]), u[:, :, 0])
    before, r = xp.scan(step, (k, w, u), first)
    within = xp.matmul(q, xp.swapped(k)) * _causal(xp, steps, q)
    return (xp.matmul(within, r) + xp.matmul(q, before)) / (units / HEADS) ** 0.5


_QKV = ("query.x", "key.x", "value.x")
IN_CHUNKS: Mapping[str, InChunks] = {
    "linear_attention": InChunks(_QKV, _linear_attention),
    "gla": InChunks(_QKV, _gla, ("forget.x.left", "forget.x.right", "forget.bias")),
    "delta_net": InChunks((*_QKV, "beta.x"), _delta_net),
}
