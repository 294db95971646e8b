"""Peers compute the same: they are given gatekit's weights, and agree in float64."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from experiments.speed.by_hand import BY_HAND
from experiments.speed.contender import CELLS
from experiments.speed.floor_step import passes
from experiments.speed.size import Size

BATCH, TIME, FEATURES, UNITS = 3, 7, 2, 4
IFGO = ("input", "forget", "candidate", "output")
REASON = "needs the group peers: pip install --group peers"
X = np.random.default_rng(0).standard_normal((BATCH, TIME, FEATURES))


def peer(module: str) -> Any:
    """Return a module of another library; without it the test is skipped, and fails in CI."""
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        return pytest.importorskip(module, reason=REASON)
    return __import__(module)


@pytest.fixture(name="ours", params=CELLS, scope="module")
def _ours(request: pytest.FixtureRequest) -> Any:
    return computed(request.param)


def computed(cell: str) -> tuple[str, dict[str, np.ndarray], np.ndarray]:
    """Return a cell's name, weights drawn at random by name, and what gatekit emits with them."""
    import gatekit

    layer = gatekit.RNN(cell, units=UNITS, return_sequences=True, seed=1, dtype="float64")
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    named = {}
    # Random biases, scales and peepholes, too: at their initial values a slip would not be seen.
    for name, variable in layer.named_weights.items():
        named[name] = 0.7 * rng.standard_normal(variable.shape)
        variable.assign(named[name])
    return cell, named, np.asarray(layer(X))


def close(found: Any, expected: np.ndarray) -> None:
    """Assert that outputs agree."""
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=1e-10)


@pytest.mark.one_in(4)
def test_a_keras_cell_computes_the_same(ours: Any) -> None:
    from experiments.speed.keras_cell import layer

    cell, named, expected = ours
    theirs = layer(cell, UNITS, return_sequences=True, dtype="float64")
    theirs.build(X.shape)
    theirs.set_weights(list(BY_HAND[cell].pack(named).values()))
    close(theirs(X), expected)
    assert theirs.count_params() == sum(value.size for value in named.values())
    assert BY_HAND[cell].count(FEATURES, UNITS) == theirs.count_params()


@pytest.mark.one_in(6)
def test_jax_computes_the_same(ours: Any) -> None:
    jax = peer("jax")
    from experiments.speed.jax_step import recurrence

    cell, named, expected = ours
    with jax.enable_x64(True):
        weights = {n: jax.numpy.asarray(v) for n, v in BY_HAND[cell].pack(named).items()}
        for hoisted in (False, True):
            every, last = recurrence(BY_HAND[cell], weights, jax.numpy.asarray(X), hoisted)
            close(np.swapaxes(np.asarray(every), 0, 1), expected)
            close(last, expected[:, -1])


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_reset_after"])
def test_keras_own_layer_computes_the_same(cell: str) -> None:
    from experiments.speed.keras_step import layer

    _, named, expected = computed(cell)
    packed = BY_HAND[cell].pack(named)
    square = packed["recurrent"]
    if cell == "gru":
        square = np.concatenate([square, packed["recurrent_candidate"]], axis=1)
    bias = packed["bias"]
    if cell == "gru_reset_after":
        none = np.zeros(2 * UNITS)
        bias = np.stack([bias, np.concatenate([none, packed["recurrent_bias"]])])
    theirs = layer(cell, UNITS, return_sequences=True, dtype="float64")
    theirs.build(X.shape)
    theirs.set_weights([packed["kernel"], square, bias])
    close(theirs(X), expected)


@pytest.mark.parametrize("cell", ["linear_attention", "gla", "delta_net"])
def test_cells_in_chunks_compute_the_same(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = peer("torch")
    from experiments.speed import chunk_by_hand, keras_chunk, torch_chunk

    monkeypatch.setattr(chunk_by_hand, "CHUNK", 2)  # seven steps are three chunks and a half
    _, named, expected = computed(cell)
    packed = chunk_by_hand.IN_CHUNKS[cell].pack(named)
    theirs = keras_chunk.InChunksLayer(cell, UNITS, return_sequences=True, dtype="float64")
    theirs.build(X.shape)
    theirs.set_weights(list(packed.values()))
    close(theirs(X), expected)
    monkeypatch.setattr(keras_chunk, "UNROLLED", 1)
    close(theirs(X), expected)
    assert theirs.count_params() == sum(value.size for value in named.values())
    module = torch_chunk.InChunks(cell, FEATURES, UNITS).double()
    with torch.no_grad():
        for name, value in packed.items():
            module.own[name.replace(".", "_")].copy_(torch.from_numpy(value))
        close(module(torch.from_numpy(X))[0].numpy(), expected)


def _rows(named: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    return np.concatenate([named[name].T for name in names])


def _given(torch: Any, layer: Any, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a torch layer emits with these weights, those not named being zero."""
    layer = layer.double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            own = weights.get(name.split(".")[-1].removesuffix("_l0"))
            parameter.copy_(torch.zeros_like(parameter) if own is None else torch.from_numpy(own))
        outputs = layer(torch.from_numpy(X))[0]
    return np.asarray(outputs.numpy())


@pytest.mark.parametrize("cell", ["lstm", "gru_reset_after"])
def test_torch_computes_the_same(cell: str) -> None:
    torch = peer("torch")
    from experiments.speed.torch_step import layer

    _, named, expected = computed(cell)
    gates = list(IFGO) if cell == "lstm" else ["reset", "update", "candidate"]
    recurrent = [*gates[:-1], "recurrent" if cell != "lstm" else "output"]
    weights = {
        "weight_ih": _rows(named, [f"{g}.x" for g in gates]),
        "weight_hh": _rows(named, [f"{g}.h_prev" for g in recurrent]),
        "bias_ih": _rows(named, [f"{g}.bias" for g in gates]),
    }
    if cell != "lstm":
        none = np.zeros(2 * UNITS)
        weights["bias_hh"] = np.concatenate([none, named["recurrent.bias"]])
    close(_given(torch, layer(cell, FEATURES, UNITS), weights), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")
@pytest.mark.parametrize("cell", ["peephole", "mgu"])
def test_torchrecurrent_computes_the_same(cell: str) -> None:
    torch = peer("torch")
    peer("torchrecurrent")
    from experiments.speed.torchrecurrent_step import layer

    _, named, expected = computed(cell)
    gates = list(IFGO) if cell == "peephole" else ["forget", "candidate"]
    reads = {"candidate": "forget*h_prev"} if cell == "mgu" else {}
    weights = {
        "weight_ih": _rows(named, [f"{g}.x" for g in gates]),
        "weight_hh": _rows(named, [f"{g}.{reads.get(g, 'h_prev')}" for g in gates]),
        "bias_ih": _rows(named, [f"{g}.bias" for g in gates]),
    }
    if cell == "peephole":
        weights["weight_ph"] = _rows(named, ["input.c_prev", "forget.c_prev", "output.c"])
    theirs = _given(torch, layer(cell, FEATURES, UNITS), weights)
    close(theirs.reshape(expected.shape), expected)


def test_the_floor_makes_the_products_that_are_needed() -> None:
    size, made = Size(2, 5, 3, 4), 0

    def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        nonlocal made
        assert (a @ b).shape == out.shape
        made += a.shape[0] * a.shape[1] * b.shape[1]

    forward, backward = passes("lstm", size, lambda *shape: np.zeros(shape), product)
    forward()
    of_x, of_h = 2 * 5 * 3 * 16, 2 * 5 * 4 * 16
    assert made == of_x + of_h
    made = 0
    backward()
    assert made == of_x + 2 * of_h


SLOW = [pytest.param(m, marks=pytest.mark.slow) for m in ("keras_cell", "jax_step", "torch_step")]


@pytest.mark.parametrize("module", ["gatekit_step", *SLOW])
def test_a_step_trains(module: str) -> None:
    import importlib

    modes = {"gatekit_step": "graph", "keras_cell": "graph", "jax_step": "scan"}
    if module in ("jax_step", "torch_step"):
        peer(module.removesuffix("_step"))
    made = importlib.import_module(f"experiments.speed.{module}").make
    started = made("lstm", modes.get(module, "eager"), Size(4, 5, 2, 8), True)
    losses = [started.train() for _ in range(30)]
    assert losses[-1] < losses[0]
    assert started.forward().shape == (4, 5, 1)
    assert started.parameters in (4 * 8 * (2 + 8 + 1), 4 * 8 * (2 + 8 + 2))
    assert started.note
