"""Plain cells whose matrices are computed from the weights that the layer keeps.

    weight norm:       W = g V / |V|, unit by unit
    low rank:          W = L R
    heads, groups:     W is block diagonal; a group reads a part of the embedded input E x
    expRNN:            U = exp(A - A^T)
    AntisymmetricRNN:  U = W - W^T - gamma I
    Lipschitz RNN:     U = (1 - beta) (M + M^T) + beta (M - M^T) - gamma I

Matrices act from the right, as in the layer, except W of the AntisymmetricRNN.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy import tanh

from . import lstm
from .case import Case
from .functions import Array, States, Stepped, Weights, maximum, sigmoid
from .loop import gates, let, plain
from .plain import CASES as PLAIN
from .plain import MEMORY, SHOWN, linear
from .reads import Shapes

BLOCKS, RANK = 2, 8
LSTM_GATES = ("input", "forget", "output", "candidate")


def computed(
    case: Case,
    matrices: Callable[[Weights], dict[str, Array]],
    stored: Callable[[Shapes], Shapes] = lambda shapes: shapes,
) -> Case:
    """A case with computed matrices.

    Args:
        case: the cell as if the layer kept its matrices.
        matrices: the matrices, from the weights that the layer keeps.
        stored: the shapes of those weights, from the shapes that ``case`` has.
    """

    def step(x: Array, states: States, w: Weights) -> Stepped:
        return case.step(x, states, ChainMap(matrices(w), w))  # type: ignore[arg-type]

    return case._replace(step=step, shapes=lambda *sizes: stored(case.shapes(*sizes)))


def _directions(w: Weights) -> dict[str, Array]:
    def columns(v: Array, lengths: Array) -> Array:
        scaled = [g * d / np.sqrt(d @ d) for g, d in zip(lengths, v.T, strict=True)]
        return np.stack(scaled, axis=1)

    names = [name for name in w if f"{name}.scale" in w]
    return {name: columns(w[name], w[f"{name}.scale"]) for name in names}


def _products(w: Weights) -> dict[str, Array]:
    names = [name.removesuffix(".left") for name in w if name.endswith(".left")]
    return {name: w[f"{name}.left"] @ w[f"{name}.right"] for name in names}


def _factors(shapes: Shapes) -> Shapes:
    found: Shapes = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            found[name] = shape
        else:
            found |= {f"{name}.left": (shape[0], RANK), f"{name}.right": (RANK, shape[1])}
    return found


def _diagonal(w: Weights, reads: tuple[str, ...]) -> dict[str, Array]:
    found = {}
    for name in [f"{gate}.{read}" for gate in LSTM_GATES for read in reads]:
        blocks = w[name]
        width = blocks.shape[1]
        found[name] = np.zeros((BLOCKS * width, BLOCKS * width), blocks.dtype)
        for k, block in enumerate(blocks):
            found[name][k * width : (k + 1) * width, k * width : (k + 1) * width] = block
    return found


def _blocks(shapes: Shapes, reads: tuple[str, ...]) -> Shapes:
    names = [f"{gate}.{read}" for gate in LSTM_GATES for read in reads]
    return shapes | {n: (BLOCKS, *(width // BLOCKS for width in shapes[n])) for n in names}


def _exponential(a: Array, terms: int = 60) -> Array:
    """The exponential of a small matrix, by its series."""
    total = power = np.eye(len(a), dtype=a.dtype)
    for k in range(1, terms):
        power = power @ a / k
        total = total + power
    return total


def _antisymmetric(w: Array, gamma: float = 0.01) -> Array:
    return (w - w.T - gamma * np.eye(len(w))).T


def _lipschitz(m: Array, beta: float = 0.8, gamma: float = 0.01) -> Array:
    return np.asarray((1 - beta) * (m + m.T) + beta * (m - m.T) - gamma * np.eye(len(m)))


def _modrelu(a: Array, b: Array) -> Array:
    sign = np.sign(np.real(a))
    size = sign * a + b
    return sign * maximum(size, np.zeros_like(size))


CHANG = "Chang et al. 2019, arXiv 1902.09689"
ERICHSON = "Erichson et al. 2021, arXiv 2006.12070"

CASES = {
    # Salimans & Kingma 2016, arXiv 1602.07868, equation 2
    "weight_norm_lstm": computed(
        lstm.CASES["lstm"],
        _directions,
        lambda shapes: shapes | {f"{n}.scale": (s[1],) for n, s in shapes.items() if len(s) == 2},
    ),
    # Kusupati et al. 2018, arXiv 1901.02358
    "gru_lr": computed(PLAIN["gru"], _products, _factors),
    # Beck et al. 2024, arXiv 2405.04517, and the authors' code
    "slstm_heads": computed(
        PLAIN["slstm"],
        partial(_diagonal, reads=("h_prev",)),
        partial(_blocks, reads=("h_prev",)),
    )._replace(
        config={
            "gates": {
                gate: {"reads": {"x": "dense", "h_prev": {"kind": "block", "blocks": BLOCKS}}}
                for gate in LSTM_GATES
            }
        }
    ),
    "group_lstm": computed(
        plain(
            "Kuchaiev & Ginsburg 2017, arXiv 1703.10722",
            "e = E x; a = [W_1 e_1 + U_1 h_1, W_2 e_2 + U_2 h_2] + b for each gate; then the LSTM",
            gates(linear, "x", bias=False, e="embedding"),
            gates(sigmoid, "e h_prev", i="input", f="forget", o="output"),
            gates(tanh, "e h_prev", g="candidate"),
            *(MEMORY, SHOWN),
        ),
        partial(_diagonal, reads=("embedding", "h_prev")),
        partial(_blocks, reads=("embedding", "h_prev")),
    ),
    "exp_rnn": computed(
        plain(
            "Lezcano-Casado & Martinez-Rubio 2019, arXiv 1901.08428",
            "h = modrelu(W x + U h_prev, b), modrelu(a, b) = sign(a) relu(|a| + b)",
            gates(linear, "x", bias=False, v="seen"),
            gates(linear, "h_prev", bias=False, a="turned"),
            let(h=lambda v, a, threshold: _modrelu(v + a, threshold)),
            own={"threshold": None},
        ),
        lambda w: {"turned.h_prev": _exponential(w["turned.h_prev"] - w["turned.h_prev"].T)},
    ),
    "antisymmetric_rnn": computed(
        plain(
            CHANG,
            "h = h_prev + epsilon tanh(U h_prev + V x + b)",
            gates(tanh, "x h_prev", g="candidate"),
            let(h=lambda h_prev, g: h_prev + 0.1 * g),
        ),
        lambda w: {"candidate.h_prev": _antisymmetric(w["candidate.h_prev"])},
    ),
    "gated_antisymmetric_rnn": computed(
        plain(
            CHANG,
            "h = h_prev + epsilon sigmoid(U h_prev + V' x + b') tanh(U h_prev + V x + b)",
            gates(linear, "h_prev", bias=False, a="recurrent"),
            gates(linear, "x", i="input", v="candidate"),
            let(h=lambda h_prev, a, i, v: h_prev + 0.1 * sigmoid(a + i) * tanh(a + v)),
        ),
        lambda w: {"recurrent.h_prev": _antisymmetric(w["recurrent.h_prev"])},
    ),
    "lipschitz_rnn": computed(
        plain(
            ERICHSON,
            "h = h_prev + epsilon (A h_prev + tanh(B h_prev + W x + b)), A and B like U above",
            gates(linear, "h_prev", bias=False, a="drift"),
            gates(tanh, "x h_prev", g="candidate"),
            let(h=lambda h_prev, a, g: h_prev + 0.01 * (a + g)),
        ),
        lambda w: {n: _lipschitz(w[n]) for n in ("drift.h_prev", "candidate.h_prev")},
    ),
    "lipschitz_rnn_gated": computed(
        plain(
            ERICHSON,
            "epsilon sigmoid(B h_prev + V x + b') for epsilon",
            gates(linear, "h_prev", bias=False, a="drift", b="recurrent"),
            gates(linear, "x", i="input", v="candidate"),
            let(h=lambda h_prev, b, i, a, v: h_prev + 0.01 * sigmoid(b + i) * (a + tanh(b + v))),
        ),
        lambda w: {n: _lipschitz(w[n]) for n in ("drift.h_prev", "recurrent.h_prev")},
    ),
}
