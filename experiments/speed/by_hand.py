"""The cells as written by hand for speed: stacked weights, few products a step.

Each is written once, over the functions of an array library (`arrays_tensorflow`, `arrays_jax`),
and packed into that library's own recurrence. One product of ``[x, h]`` with one matrix was tried
under Keras, too: it was no faster, and its concatenation keeps XLA from moving the product with x
out of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

CHUNK = 4
"""Units under one entry of the ON-LSTM's master gates."""


@dataclass(frozen=True)
class Stack:
    """A weight that holds several of gatekit's side by side.

    Args:
        rows: ``features`` or ``units`` of a matrix, empty for a vector.
        parts: gatekit's names of them, in order.
    """

    rows: str
    parts: tuple[str, ...]

    def shape(self, features: int, units: int) -> tuple[int, ...]:
        """Return the weight's shape."""
        widths = (units // CHUNK if part.startswith("master_") else units for part in self.parts)
        rows = {"features": (features,), "units": (units,), "": ()}[self.rows]
        return (*rows, sum(widths))


@dataclass(frozen=True)
class ByHand:
    """A cell by hand.

    Args:
        weights: the stacked weights; ``kernel`` multiplies x, and ``bias``, where there is one, is
            added to that product.
        step: ``step(xp, weights, z, *states) -> (emission, states)`` with ``z = x kernel + bias``.
        states: how many states of the cell's width there are.
        first: first values of states that do not start at zero, by position.
    """

    weights: Mapping[str, Stack]
    step: Callable[..., tuple[Any, tuple[Any, ...]]]
    states: int = 1
    first: Mapping[int, float] = field(default_factory=dict)

    def shapes(self, features: int, units: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight."""
        return {name: stack.shape(features, units) for name, stack in self.weights.items()}

    def pack(self, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return gatekit's weights, stacked."""
        return {
            name: np.concatenate([named[part] for part in stack.parts], axis=-1)
            for name, stack in self.weights.items()
        }

    def draw(self, features: int, units: int) -> dict[str, np.ndarray]:
        """Return first weights in float32: matrices at random, scales 1, other vectors 0."""
        rng = np.random.default_rng(0)
        drawn = {}
        for name, shape in self.shapes(features, units).items():
            if len(shape) == 2:
                bound = np.sqrt(6 / sum(shape))
                value = rng.uniform(-bound, bound, shape)
            else:
                value = np.full(shape, 1.0 if name.endswith("scale") else 0.0)
            drawn[name] = value.astype("float32")
        return drawn

    def count(self, features: int, units: int) -> int:
        """Return the number of parameters."""
        return sum(int(np.prod(shape)) for shape in self.shapes(features, units).values())


def _lstm(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    i, f, g, o = xp.split(z + xp.matmul(h, w["recurrent"]), 4)
    c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
    h = xp.sigmoid(o) * xp.tanh(c)
    return h, (h, c)


def _peephole(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    i, f, g, o = xp.split(z + xp.matmul(h, w["recurrent"]), 4)
    to_i, to_f, to_o = xp.split(w["peephole"], 3)
    c = xp.sigmoid(f + to_f * c) * c + xp.sigmoid(i + to_i * c) * xp.tanh(g)
    h = xp.sigmoid(o + to_o * c) * xp.tanh(c)
    return h, (h, c)


def _cifg(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    f, g, o = xp.split(z + xp.matmul(h, w["recurrent"]), 3)
    f = xp.sigmoid(f)
    c = f * c + (1 - f) * xp.tanh(g)
    h = xp.sigmoid(o) * xp.tanh(c)
    return h, (h, c)


def _ur_lstm(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    f, r, g, o = xp.split(z + xp.matmul(h, w["recurrent"]), 4)
    f, r = xp.sigmoid(f), xp.sigmoid(r)
    keep = f * (2 * r + (1 - 2 * r) * f)
    c = keep * c + (1 - keep) * xp.tanh(g)
    h = xp.sigmoid(o) * xp.tanh(c)
    return h, (h, c)


def _on_lstm(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    units = h.shape[-1]
    few = units // CHUNK
    z = z + xp.matmul(h, w["recurrent"])
    i, f, g, o, rising, falling = xp.split(z, (units, units, units, units, few, few))
    master_f = xp.cumsum(xp.softmax(rising))
    master_i = 1 - xp.cumsum(xp.softmax(falling))
    both = master_f * master_i
    overlap = xp.repeat(both, CHUNK)
    keep = xp.sigmoid(f) * overlap + xp.repeat(master_f - both, CHUNK)
    write = xp.sigmoid(i) * overlap + xp.repeat(master_i - both, CHUNK)
    c = keep * c + write * xp.tanh(g)
    h = xp.sigmoid(o) * xp.tanh(c)
    return h, (h, c)


def _normalised(xp: Any, value: Any, epsilon: float) -> Any:
    centred = value - xp.mean(value)
    return centred * xp.rsqrt(xp.mean(xp.square(centred)) + epsilon)


def _layer_norm_lstm(xp: Any, w: Any, z: Any, h: Any, c: Any) -> Any:
    units = h.shape[-1]
    z = z + xp.matmul(h, w["recurrent"])
    z = xp.reshape(_normalised(xp, xp.reshape(z, (-1, 4, units)), 1e-3), (-1, 4 * units))
    i, f, g, o = xp.split(z * w["scale"] + w["offset"], 4)
    c = xp.sigmoid(f) * c + xp.sigmoid(i) * xp.tanh(g)
    shown = _normalised(xp, c, 1e-3) * w["shown_scale"] + w["shown_offset"]
    h = xp.sigmoid(o) * xp.tanh(shown)
    return h, (h, c)


def _slstm(xp: Any, w: Any, z: Any, h: Any, m: Any, c: Any, n: Any) -> Any:
    i, f, g, o = xp.split(z + xp.matmul(h, w["recurrent"]), 4)
    held = m - xp.softplus(-f)
    m = xp.maximum(held, i)
    keep, write = xp.exp(held - m), xp.exp(i - m)
    c = keep * c + write * xp.tanh(g)
    n = keep * n + write
    h = xp.sigmoid(o) * c / n
    return h, (h, m, c, n)


def _gru(xp: Any, w: Any, z: Any, h: Any) -> Any:
    units = h.shape[-1]
    gates, new = xp.split(z, (2 * units, units))
    u, r = xp.split(xp.sigmoid(gates + xp.matmul(h, w["recurrent"])), 2)
    h = u * h + (1 - u) * xp.tanh(new + xp.matmul(r * h, w["recurrent_candidate"]))
    return h, (h,)


def _gru_reset_after(xp: Any, w: Any, z: Any, h: Any) -> Any:
    units = h.shape[-1]
    gates, new = xp.split(z, (2 * units, units))
    recurrent_gates, recurrent = xp.split(xp.matmul(h, w["recurrent"]), (2 * units, units))
    u, r = xp.split(xp.sigmoid(gates + recurrent_gates), 2)
    h = u * h + (1 - u) * xp.tanh(new + r * (recurrent + w["recurrent_bias"]))
    return h, (h,)


def _mgu(xp: Any, w: Any, z: Any, h: Any) -> Any:
    f, new = xp.split(z, 2)
    f = xp.sigmoid(f + xp.matmul(h, w["recurrent"]))
    h = (1 - f) * h + f * xp.tanh(new + xp.matmul(f * h, w["recurrent_candidate"]))
    return h, (h,)


def _positive(xp: Any, z: Any) -> Any:
    return xp.where(z >= 0, z + 0.5, xp.sigmoid(z))


def _mingru(xp: Any, w: Any, z: Any, h: Any) -> Any:
    u, new = xp.split(z, 2)
    u = xp.sigmoid(u)
    h = (1 - u) * h + u * _positive(xp, new)
    return h, (h,)


def _minlstm(xp: Any, w: Any, z: Any, h: Any) -> Any:
    f, i, new = xp.split(z, 3)
    f, i = xp.sigmoid(f), xp.sigmoid(i)
    keep = f / (f + i)
    h = keep * h + (1 - keep) * _positive(xp, new)
    return h, (h,)


def _sru_v1(xp: Any, w: Any, z: Any, c: Any) -> Any:
    units = c.shape[-1]
    gates, new, skip = xp.split(z, (2 * units, units, units))
    f, r = xp.split(xp.sigmoid(gates + w["gate_bias"]), 2)
    c = f * c + (1 - f) * new
    return r * xp.tanh(c) + (1 - r) * skip, (c,)


def _stacks(
    gates: tuple[str, ...], read: str = "h_prev", recurrent: tuple[str, ...] | None = None
) -> dict[str, Stack]:
    """Return kernel, recurrent matrix and bias of gates that all read x and h."""
    return {
        "kernel": Stack("features", tuple(f"{g}.x" for g in gates)),
        "recurrent": Stack("units", tuple(f"{g}.{read}" for g in recurrent or gates)),
        "bias": Stack("", tuple(f"{g}.bias" for g in gates)),
    }


_IFGO = ("input", "forget", "candidate", "output")
_ALL = _stacks(_IFGO)
_MASTERS = ("master_forget", "master_input")


def _of_x(gates: tuple[str, ...]) -> dict[str, Stack]:
    stacks = _stacks(gates)
    return {"kernel": stacks["kernel"], "bias": stacks["bias"]}


BY_HAND: Mapping[str, ByHand] = {
    "lstm": ByHand(_ALL, _lstm, 2),
    "gru": ByHand(
        {
            **_stacks(("update", "reset", "candidate"), recurrent=("update", "reset")),
            "recurrent_candidate": Stack("units", ("candidate.reset*h_prev",)),
        },
        _gru,
    ),
    "gru_reset_after": ByHand(
        {
            **_stacks(("update", "reset", "candidate"), recurrent=("update", "reset", "recurrent")),
            "recurrent_bias": Stack("", ("recurrent.bias",)),
        },
        _gru_reset_after,
    ),
    "peephole": ByHand(
        {**_ALL, "peephole": Stack("", ("input.c_prev", "forget.c_prev", "output.c"))},
        _peephole,
        2,
    ),
    "cifg": ByHand(_stacks(("forget", "candidate", "output")), _cifg, 2),
    "ur_lstm": ByHand(_stacks(("forget", "refine", "candidate", "output")), _ur_lstm, 2),
    "on_lstm": ByHand(_stacks((*_IFGO, *_MASTERS)), _on_lstm, 2),
    "layer_norm_lstm": ByHand(
        {
            "kernel": _ALL["kernel"],
            "recurrent": _ALL["recurrent"],
            "scale": Stack("", tuple(f"{g}.scale" for g in _IFGO)),
            "offset": _ALL["bias"],
            "shown_scale": Stack("", ("shown.scale",)),
            "shown_offset": Stack("", ("shown.offset",)),
        },
        _layer_norm_lstm,
        2,
    ),
    "slstm": ByHand(_ALL, _slstm, 4, {1: -1e30}),
    "mgu": ByHand(
        {
            **_stacks(("forget", "candidate"), recurrent=("forget",)),
            "recurrent_candidate": Stack("units", ("candidate.forget*h_prev",)),
        },
        _mgu,
    ),
    "mingru": ByHand(_of_x(("update", "candidate")), _mingru),
    "minlstm": ByHand(_of_x(("forget", "input", "candidate")), _minlstm),
    "sru_v1": ByHand(
        {
            "kernel": Stack("features", ("forget.x", "reset.x", "candidate.x", "skip.x")),
            "gate_bias": Stack("", ("forget.bias", "reset.bias")),
        },
        _sru_v1,
    ),
}
