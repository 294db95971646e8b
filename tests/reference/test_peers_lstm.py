"""The LSTM family against torch and torchrecurrent, weights copied, in float64.

The layer's outputs, last states and all gradients are compared; torch differentiates its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from .cases import CASES
from .peers import COMPARED, TIME, drawn, leaves, library, rows, same_as_torch
from .run import run

torch = library("torch")
cells = library("torchrecurrent.cells")

IFCO = ("input", "forget", "candidate", "output")
MUTES = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")


class Peer(NamedTuple):
    """A cell of torchrecurrent, or torch's own layer.

    Args:
        make: ``make(features, units)``.
        parameters: the module's parameters from our weights by name, all as tensors.
        states: the peer's states, as the layer names them, in the peer's order.
    """

    make: Callable[[int, int], Any]
    parameters: Callable[[dict[str, Any]], dict[str, Any]]
    states: tuple[str, ...] = ("h", "c")


def _basic(w: dict[str, Any], gates: Sequence[str], read: str = "h_prev") -> dict[str, Any]:
    biases = rows(w, [f"{g}.bias" for g in gates])
    return {
        "weight_ih": rows(w, [f"{g}.x" for g in gates]),
        "weight_hh": rows(w, [f"{g}.{read}" for g in gates]),
        "bias_ih": biases,
        "bias_hh": torch.zeros_like(biases),
    }


def _peepholes(w: dict[str, Any]) -> dict[str, Any]:
    return {"weight_ph": rows(w, ["input.c_prev", "forget.c_prev", "output.c"])}


def _multiplicative(w: dict[str, Any]) -> dict[str, Any]:
    none = torch.zeros_like(w["input.bias"])
    return {
        "weight_ih": rows(w, ["factor_x.x", *(f"{g}.x" for g in IFCO)]),
        "weight_hh": rows(w, ["factor_h.h_prev"]),
        "weight_mh": rows(w, [f"{g}.multiplied" for g in IFCO]),
        "bias_ih": torch.cat([none, rows(w, [f"{g}.bias" for g in IFCO])]),
        "bias_hh": none,
        "bias_mh": torch.zeros(4 * len(none), dtype=none.dtype),
    }


def _working_memory(w: dict[str, Any]) -> dict[str, Any]:
    gates = (("input", "c_prev"), ("forget", "c_prev"), ("output", "c"))
    return {
        **_basic(w, IFCO),
        "weight_mh": rows(w, [f"{g}_memory.{read}" for g, read in gates]),
        "bias_mh": rows(w, [f"{g}_memory.bias" for g, _ in gates]),
    }


def _residual(w: dict[str, Any]) -> dict[str, Any]:
    more = {"weight_proj": w["shown.tanh(c)"].T, "weight_res": w["shown.x"].T}
    return {**_basic(w, IFCO), **_peepholes(w), **more}


def _of_layer(w: dict[str, Any]) -> dict[str, Any]:
    basic = {f"{name}_l0": value for name, value in _basic(w, IFCO).items()}
    return basic | ({"weight_hr_l0": w["h.shown"].T} if "h.shown" in w else {})


def _cell(name: str) -> Callable[[int, int], Any]:
    return lambda features, units: getattr(cells, name)(features, units, dtype=torch.float64)


def _torch_lstm(ratio: int) -> Callable[[int, int], Any]:
    """torch's own layer; from ratio 2 on, its hidden state is projected."""

    def make(features: int, units: int) -> Any:
        options = {"proj_size": units // ratio} if ratio > 1 else {}
        return torch.nn.LSTM(features, units, batch_first=True, dtype=torch.float64, **options)

    return make


PEERS = {
    "lstm": Peer(_torch_lstm(1), _of_layer),
    "lstmp": Peer(_torch_lstm(2), _of_layer),
    "original_lstm": Peer(
        _cell("OriginalLSTMCell"), lambda w: _basic(w, ("input", "candidate", "output"))
    ),
    "peephole": Peer(_cell("PeepholeLSTMCell"), lambda w: {**_basic(w, IFCO), **_peepholes(w)}),
    "multiplicative_lstm_tanh": Peer(_cell("MultiplicativeLSTMCell"), _multiplicative),
    "wmc_lstm": Peer(_cell("WMCLSTMCell"), _working_memory),
    "res_lstm": Peer(_cell("ResLSTMCell"), _residual),
    "memory_control_lstm": Peer(
        _cell("MCLSTMCell"),
        lambda w: _basic(w, ("forget", "input", "output", "control", "candidate"), "v_prev"),
        ("v", "c"),
    ),
    "nas_additive": Peer(_cell("NASCell"), lambda w: _basic(w, [f"unit_{k}" for k in range(8)])),
}


def _steps(peer: Peer, module: Any, parameters: Any, x: Any, states: dict[str, Any]) -> Any:
    """The outputs and last states of the peer over a sequence."""
    call = torch.func.functional_call
    if isinstance(module, torch.nn.LSTM):
        given = tuple(states[n][None] for n in peer.states)
        outputs, last = call(module, parameters, (x, given))
        return outputs, {n: s[0] for n, s in zip(peer.states, last, strict=True)}
    outputs = []
    for t in range(x.shape[1]):
        made = call(module, parameters, (x[:, t], tuple(states[n] for n in peer.states)))
        emitted, new = made if isinstance(made[1], tuple) else (made[0], made)
        outputs.append(emitted)
        states = dict(zip(peer.states, new, strict=True))
    return torch.stack(outputs, 1), states


@MUTES
@pytest.mark.parametrize("name", PEERS)
def test_the_layer_is_the_peer(name: str) -> None:
    case, peer = CASES[name], PEERS[name]
    module = peer.make(case.features, case.units)
    same_as_torch(name, lambda x, states, w: _steps(peer, module, peer.parameters(w), x, states))


@MUTES
def test_nas_multiplies_where_torchrecurrent_adds() -> None:
    """TensorFlow's NASCell has relu(W x * U h) in its fourth unit; torchrecurrent a sum."""
    x, states, weights = drawn("nas")
    case, peer = CASES["nas"], PEERS["nas_additive"]
    same = weights | {
        "unit_3.x": weights["unit_3_x.x"],
        "unit_3.h_prev": weights["unit_3_h.h_prev"],
        **{f"unit_{k}.bias": np.zeros(case.units) for k in range(8)},
    }
    module = peer.make(case.features, case.units)
    tensors = leaves({"x": x, **states})
    adds, _ = _steps(peer, module, peer.parameters(leaves(same)), tensors["x"], tensors)
    multiplies, _ = run(case.step, x, states, weights)
    assert np.max(np.abs(multiplies - adds.detach().numpy())) > 1e-2
    by_hand = (
        {k: same[f"unit_{k}.x"] for k in range(8)},
        {k: same[f"unit_{k}.h_prev"] for k in range(8)},
    )
    c, h = states["c"], states["h"]
    for t in range(TIME):
        a = [x[:, t] @ by_hand[0][k] for k in range(8)]
        b = [h @ by_hand[1][k] for k in range(8)]
        s = [p * q if k == 3 else p + q for k, (p, q) in enumerate(zip(a, b, strict=True))]
        sig = [1 / (1 + np.exp(-v)) for v in s]
        c = np.tanh(np.tanh(sig[0] * np.maximum(s[1], 0)) + c) * np.tanh(
            sig[2] + np.maximum(s[3], 0)
        )
        l_3 = 1 / (1 + np.exp(-(np.tanh(s[6]) + sig[7])))
        h = np.tanh(c * np.tanh(np.tanh(np.tanh(s[4]) * sig[5]) + l_3))
        np.testing.assert_allclose(multiplies[:, t], h, rtol=0, atol=1e-13)


def test_these_are_the_cells_that_are_said_to_be_compared() -> None:
    torchs = {"lstm", "lstmp"}
    assert torchs == set(COMPARED["torch"])
    assert set(PEERS) - torchs <= set(COMPARED["torchrecurrent"])
