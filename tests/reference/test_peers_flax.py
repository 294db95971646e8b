"""The cells that flax has too, weights copied, in float64; jax differentiates flax's own.

MGU among them in flax's sense, which is not the paper's: the gate is the share that stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from recurrence.problems import assert_close

from .cases import CASES
from .peers import COMPARED, TIME, drawn, library, of_layer
from .run import run

jax = library("jax")
linen = library("flax.linen")

Arrays = dict[str, Any]


class Peer(NamedTuple):
    """A cell of flax.

    Args:
        make: the module's class.
        weights: our weights' names by flax's name of a layer: what multiplies, and the bias.
        states: the peer's states, as the layer names them, in the peer's order.
    """

    make: Callable[..., Any]
    weights: dict[str, tuple[str, ...]]
    states: tuple[str, ...] = ("h",)


_LSTM = {"i": "input", "f": "forget", "g": "candidate", "o": "output"}
_GRU = {"r": "reset", "z": "update", "n": "candidate"}
PEERS = {
    "rnn": Peer(
        linen.SimpleCell,
        {"i": ("candidate.x", "candidate.bias"), "h": ("candidate.h_prev",)},
    ),
    "lstm": Peer(
        linen.LSTMCell,
        {f"i{key}": (f"{gate}.x",) for key, gate in _LSTM.items()}
        | {f"h{key}": (f"{gate}.h_prev", f"{gate}.bias") for key, gate in _LSTM.items()},
        ("c", "h"),
    ),
    "gru_reset_after": Peer(
        linen.GRUCell,
        {f"i{key}": (f"{gate}.x", f"{gate}.bias") for key, gate in _GRU.items()}
        | {"hr": ("reset.h_prev",), "hz": ("update.h_prev",)}
        | {"hn": ("recurrent.h_prev", "recurrent.bias")},
    ),
    "mgu_flax": Peer(
        linen.MGUCell,
        {"if": ("forget.x", "forget.bias"), "hf": ("forget.h_prev",)}
        | {"in": ("candidate.x", "candidate.bias"), "hn": ("recurrent.h_prev", "recurrent.bias")},
    ),
}


def outputs(peer: Peer, given: Arrays, units: int) -> Arrays:
    """Return what flax's cell emits, and its last states.

    Args:
        peer: the cell.
        given: x, initial states and weights, by our names of them.
        units: the cell's width.
    """
    module = peer.make(units, param_dtype="float64")
    parameters = {
        name: dict(zip(("kernel", "bias"), (given[own] for own in ours), strict=False))
        for name, ours in peer.weights.items()
    }
    carry = tuple(given[f"state {name}"] for name in peer.states)
    emitted = []
    for t in range(TIME):
        one = carry if len(carry) > 1 else carry[0]
        carry, out = module.apply({"params": parameters}, one, given["input x"][:, t])
        carry = carry if isinstance(carry, tuple) else (carry,)
        emitted.append(out)
    last = dict(zip(peer.states, carry, strict=True))
    return {"outputs": jax.numpy.stack(emitted, 1), **last}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", PEERS)
def test_the_layer_is_flaxs_cell(name: str) -> None:
    case, peer = CASES[name], PEERS[name]
    x, states, weights = drawn(name)
    values, gradients = of_layer(name, x, states, weights)

    given = {"input x": x, **{f"state {k}": v for k, v in states.items()}, **weights}
    order = tuple(values)

    def total(arrays: Arrays) -> Any:
        found = outputs(peer, arrays, case.units)
        return sum(
            (found[key] * np.random.default_rng(index).normal(size=found[key].shape)).sum()
            for index, key in enumerate(order)
        )

    with jax.enable_x64(True):
        expected = outputs(peer, given, case.units)
        exact = jax.grad(total)({key: jax.numpy.asarray(v) for key, v in given.items()})
    assert_close(values, {key: np.asarray(expected[key]) for key in order}, 1e-12)
    assert_close(gradients, {key: np.asarray(exact[key]) for key in gradients}, 1e-12)


def test_the_papers_mgu_is_not_flaxs() -> None:
    x, states, weights = drawn("mgu_flax")
    shared = {n: w for n, w in weights.items() if not n.startswith("recurrent")}
    paper = shared | {"candidate.forget*h_prev": weights["recurrent.h_prev"]}
    ours, _ = run(CASES["mgu"].step, x, states, paper)
    theirs, _ = run(CASES["mgu_flax"].step, x, states, weights)
    assert np.max(np.abs(ours - theirs)) > 1e-2


def test_these_are_the_cells_that_are_said_to_be_compared() -> None:
    assert set(PEERS) == set(COMPARED["flax"])
