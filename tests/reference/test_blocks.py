"""Each bundled block in NumPy, written from docs/blocks.md, against the layer, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

import gatekit

from . import lstm
from .functions import Array, sigmoid
from .run import run

BATCH, TIME, WIDTH, HEADS = 2, 7, 8, 4
MASK = np.array([[0, 1, 1, 0, 1, 1, 0], [1, 0, 0, 1, 1, 1, 1]], bool)
# A part is called by its name in the block, with what it reads.
Parts = Callable[..., Array]


def silu(v: Array) -> Array:
    return v * sigmoid(v)


def gelu(v: Array) -> Array:
    return v * (1 + erf(v / math.sqrt(2))) / 2


def rms(v: Array, w: dict[str, Array]) -> Array:
    return v / np.sqrt(np.mean(v * v, -1, keepdims=True) + 1e-6) * w["scale"]


def layer_norm(v: Array, w: dict[str, Array]) -> Array:
    v = v - np.mean(v, -1, keepdims=True)
    return v / np.sqrt(np.mean(v * v, -1, keepdims=True) + 1e-6) * w["gamma"] + w["beta"]


def convolved(v: Array, w: dict[str, Array]) -> Array:
    total = np.zeros_like(v) + w["bias"]
    for back, weight in enumerate(w["kernel"]):
        total[:, back:] += weight * v[:, : v.shape[1] - back]
    return total


def gated_mlp(p: Parts, h: Array, activation: Callable[[Array], Array]) -> Array:
    return p("mlp_out", activation(p("mlp_in", h)) * p("mlp_up", h))


def modern(p: Parts, x: Array) -> Array:
    h = p("norm", x)
    m = p("out_norm", p("rnn", silu(p("conv", h)))) * silu(p("gate", h))
    r = x + p("project", m)
    return r + gated_mlp(p, p("mlp_norm", r), silu)


def mingru(p: Parts, x: Array) -> Array:
    r = x + p("rnn", p("conv", p("norm", x)))
    return r + p("mlp_out", gelu(p("mlp_in", p("mlp_norm", r))))


def griffin(p: Parts, x: Array) -> Array:
    h = p("norm", x)
    m = p("rnn", p("conv", p("input", h))) * gelu(p("gate", h))
    r = x + p("project", m)
    return r + gated_mlp(p, p("mlp_norm", r), gelu)


def mamba(p: Parts, x: Array) -> Array:
    h = p("norm", x)
    return x + p("project", p("rnn", silu(p("conv", p("input", h)))) * silu(p("gate", h)))


def gla(p: Parts, x: Array) -> Array:
    h = p("norm", x)
    r = x + p("project", p("head_norm", p("rnn", h)) * silu(p("gate", h)))
    return r + gated_mlp(p, p("mlp_norm", r), silu)


def slstm(p: Parts, x: Array) -> Array:
    r = x + p("head_norm", p("rnn", silu(p("conv", p("norm", x)))))
    return r + gated_mlp(p, p("mlp_norm", r), gelu)


BLOCKS: dict[str, Callable[[Parts, Array], Array]] = {
    "plain": lambda p, x: p("rnn", x),
    "residual": lambda p, x: x + p("rnn", p("norm", x)),
    "modern": modern,
    "mingru": mingru,
    "griffin": griffin,
    "mamba": mamba,
    "gla": gla,
    "slstm": slstm,
}


def parts(layer: Any) -> Parts:
    """Return a function that computes a part with the weights that the layer has."""

    def part(name: str, v: Array) -> Array:
        made = getattr(layer, f"part_{name}")
        if name == "rnn":
            w = {key: np.asarray(value) for key, value in made.named_weights.items()}
            zero = np.zeros((len(v), layer.cell.units))
            return run(lstm.step, v, {"h": zero, "c": zero}, w)[0]
        w = {weight.name: np.asarray(weight) for weight in made.weights}
        if name == "head_norm":
            apart = v.reshape(*v.shape[:-1], HEADS, -1)
            return (rms if "scale" in w else layer_norm)(apart, w).reshape(v.shape)
        if "gamma" in w:
            return layer_norm(v, w)
        if "scale" in w:
            return rms(v, w)
        return convolved(v, w) if name == "conv" else v @ w["kernel"] + w.get("bias", 0.0)

    return part


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_computes_its_equations(name: str) -> None:
    rng = np.random.default_rng(7)
    layer = gatekit.BlockLayer(
        name, "lstm", return_sequences=True, finish=True, seed=3, dtype="float64"
    )
    layer.build((None, None, WIDTH))
    for weight in layer.trainable_weights:
        weight.assign(np.asarray(weight) + 0.3 * rng.normal(size=weight.shape))
    x, part = rng.normal(size=(BATCH, TIME, WIDTH)), parts(layer)

    def expected(x: Array) -> Array:
        y = BLOCKS[name](part, x)
        return y if name == "plain" else part("final_norm", y)

    np.testing.assert_allclose(np.asarray(layer(x)), expected(x), rtol=0, atol=1e-12)
    # A masked step, whatever it holds, is as if it were not there.
    values = np.asarray(layer(np.where(MASK[..., None], x, np.nan), mask=MASK))
    for row, valid in enumerate(MASK):
        alone = expected(x[row : row + 1, valid])
        np.testing.assert_allclose(values[row, valid], alone[0], rtol=0, atol=1e-12)
