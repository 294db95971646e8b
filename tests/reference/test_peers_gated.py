"""Gated, typed, oscillating and liquid cells against torchrecurrent and ncps, weights copied.

Outputs, last states and all gradients of the layer are compared in float64; torch differentiates
its own. Where a peer departs from the authors' code, a test shows that and how.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from .cases import CASES
from .peers import (
    BATCH,
    COMPARED,
    TIME,
    Stepped,
    Tensors,
    drawn,
    leaves,
    library,
    rows,
    same_as_torch,
)
from .run import draw, run

torch = library("torch")
cells = library("torchrecurrent.cells")

MUTES = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Peer(NamedTuple):
    """A cell of another library.

    Args:
        make: ``make(features, units)``, the module.
        parameters: the module's parameters from our weights by name, all as tensors.
        step: ``step(call, x, states) -> (emission, new states)``, where ``call`` calls the module.
    """

    make: Callable[[int, int], Any]
    parameters: Callable[[Tensors], Tensors]
    step: Callable[[Callable[..., Any], Any, Tensors], Stepped]


def _one(call: Callable[..., Any], x: Any, states: Tensors) -> Stepped:
    h = call(x, states["h"])
    return h, {"h": h}


def _two(call: Callable[..., Any], x: Any, states: Tensors) -> Stepped:
    h, c = call(x, (states["h"], states["c"]))
    return h, {"h": h, "c": c}


def _typed_gru(call: Callable[..., Any], x: Any, states: Tensors) -> Stepped:
    h, last = call(x, (states["h"], states["x"]))
    return h, {"h": h, "x": last}


def _typed_lstm(call: Callable[..., Any], x: Any, states: Tensors) -> Stepped:
    h, (c, last) = call(x, (states["c"], states["x"]))
    return h, {"c": c, "x": last}


def _intersecting(call: Callable[..., Any], x: Any, states: Tensors) -> Stepped:
    emitted, h = call(x, states["h"])
    return emitted, {"h": h}


def _basic(
    w: Tensors,
    of_x: Sequence[str],
    of_h: Sequence[str],
    bias_x: Sequence[str | None],
    bias_h: Sequence[str | None] = (),
) -> Tensors:
    """Parameters as most cells have them; None is a bias that ours lacks."""
    width = w[of_h[0]].shape[-1]

    def biases(names: Sequence[str | None]) -> Any:
        none = torch.zeros(width, dtype=torch.float64)
        return torch.cat([w[n] if n else none for n in names])

    return {
        "weight_ih": rows(w, of_x),
        "weight_hh": rows(w, of_h),
        "bias_ih": biases(bias_x),
        "bias_hh": biases(bias_h or [None] * len(of_h)),
    }


def _gates(gates: Sequence[str], reads: Sequence[str], x: str = "x") -> Callable[[Tensors], Any]:
    """Gates that each read x, their own recurrent signal (where they have one), and a bias."""
    recurrent = [f"{gate}.{read}" for gate, read in zip(gates, reads, strict=True) if read]
    return lambda w: _basic(w, [f"{g}.{x}" for g in gates], recurrent, [f"{g}.bias" for g in gates])


def _cell(name: str, **options: Any) -> Callable[[int, int], Any]:
    return lambda features, units: getattr(cells, name)(
        features, units, dtype=torch.float64, **options
    )


def _with(parameters: Callable[[Tensors], Tensors], **more: str) -> Callable[[Tensors], Tensors]:
    """Further parameters of the module, by the name of our weight."""
    return lambda w: {**parameters(w), **{name: rows(w, [own]) for name, own in more.items()}}


def _antisymmetric(gate: str, of_x: Sequence[str]) -> Callable[[Tensors], Tensors]:
    # torch has the matrix act from the left, as the paper and the layer's weight do.
    def parameters(w: Tensors) -> Tensors:
        biases = [f"{g}.bias" for g in of_x]
        found = _basic(w, [f"{g}.x" for g in of_x], [f"{gate}.h_prev"], biases)
        return {**found, "weight_hh": w[f"{gate}.h_prev"]}

    return parameters


def _typed(w: Tensors) -> Tensors:
    gates = ("candidate", "forget", "output")
    biases = [f"{g}.bias" for g in gates]
    return _basic(w, [f"{g}.x" for g in gates], [f"{g}.x_prev" for g in gates], biases)


def _feedforward(w: Tensors) -> Tensors:
    gates = ("candidate", "forget")
    return {
        "weight_ih": rows(w, [f"{g}.x" for g in gates]),
        "bias_ih": rows(w, [f"{g}.bias" for g in gates]),
    }


def _additive(w: Tensors) -> Tensors:
    found = _gates(("input", "forget"), ("h_prev", "h_prev"))(w)
    return {**found, "weight_ih": rows(w, ["content.x", "input.x", "forget.x"])}


def _bistable(w: Tensors) -> Tensors:
    of_h = ("feedback.h_prev", "update.h_prev")
    biases = ("feedback.bias", "update.bias", None)
    return _basic(w, ("feedback.x", "update.x", "seen.x"), of_h, biases)


def _fast_grnn(w: Tensors) -> Tensors:
    found = _basic(w, ["shared.x"], ["shared.h_prev"], ("update.bias", "candidate.bias"))
    return {
        **found,
        "bias_hh": torch.zeros_like(found["bias_ih"]),
        "zeta": w["zeta"],
        "nu": w["nu"],
    }


def _ind_rnn(w: Tensors) -> Tensors:
    bias = w["seen.bias"]
    return {
        "weight_ih": w["seen.x"].T,
        "vector_u": w["recurrent"],
        "bias_ih": bias,
        "bias_hh": torch.zeros_like(bias),
    }


def _unicornn(w: Tensors) -> Tensors:
    found = _ind_rnn(w)
    return {**found, "weight_hh": found.pop("vector_u"), "weight_ch": w["pace"]}


def _cornn(w: Tensors) -> Tensors:
    found = _basic(w, ["force.x"], ["force.h_prev"], ["force.bias"])
    return {**found, "weight_ch": w["force.c_prev"].T, "bias_ch": torch.zeros_like(w["force.bias"])}


def _minimal_rnn(w: Tensors) -> Tensors:
    found = _basic(w, ["latent.x"], ["update.h_prev"], ["latent.bias"], ["update.bias"])
    return {**found, "weight_mm": w["update.latent"].T}


def _mut1(w: Tensors) -> Tensors:
    return _basic(
        w,
        ("update.x", "reset.x", "shown.x"),
        ("reset.h_prev", "candidate.reset*h_prev"),
        ("update.bias", "reset.bias", None),
        (None, "candidate.bias"),
    )


def _sgu(w: Tensors) -> Tensors:
    return _basic(
        w,
        ("seen.x", "update.x"),
        ("filter.seen*h_prev", "update.h_prev"),
        ("seen.bias", "update.bias"),
        (None, None),
    )


class _HardSigmoid(torch.nn.Module):  # type: ignore[misc, name-defined]
    """That of Theano and the first Keras; the slope of torch is a sixth."""

    def forward(self, a: Any) -> Any:
        return torch.clamp(0.2 * a + 0.5, 0, 1)


_RESET = ("update", "reset", "candidate")
# in test_peers_lstm.py
LSTMS = {"memory_control_lstm", "multiplicative_lstm_tanh", "nas_additive", "original_lstm"}
LSTMS |= {"peephole", "res_lstm", "wmc_lstm"}
PEERS = {
    "antisymmetric_rnn": Peer(
        _cell("AntisymmetricRNNCell", epsilon=0.1, gamma=0.01),
        _antisymmetric("candidate", ["candidate"]),
        _one,
    ),
    "gated_antisymmetric_rnn": Peer(
        _cell("GatedAntisymmetricRNNCell", epsilon=0.1, gamma=0.01),
        _antisymmetric("recurrent", ["input", "candidate"]),
        _one,
    ),
    "atr": Peer(
        _cell("ATRCell"),
        lambda w: _basic(w, ["seen.x"], ["recalled.h_prev"], ["seen.bias"], ["recalled.bias"]),
        _one,
    ),
    "brc": Peer(_cell("BRCell"), _bistable, _one),
    "nbrc": Peer(_cell("NBRCell"), _bistable, _one),
    "cfn": Peer(
        _cell("CFNCell"),
        lambda w: _basic(
            w,
            ("forget.x", "input.x", "candidate.x"),
            ("forget.h_prev", "input.h_prev"),
            ("forget.bias", "input.bias", None),
        ),
        _one,
    ),
    "cornn": Peer(_cell("coRNNCell", dt=0.042, gamma=2.7, epsilon=4.7), _cornn, _two),
    "fast_rnn": Peer(
        _cell("FastRNNCell"),
        _with(_gates(["candidate"], ["h_prev"]), alpha="alpha", beta="beta"),
        _one,
    ),
    "fast_grnn": Peer(_cell("FastGRNNCell", nonlinearity="sigmoid"), _fast_grnn, _one),
    "ind_rnn": Peer(_cell("IndRNNCell", nonlinearity="relu"), _ind_rnn, _one),
    "intersection_rnn_equal_widths": Peer(
        _cell("IntersectionRNNCell"),
        _gates(("shown", "candidate", "depth", "update"), ["h_prev"] * 4, "projected"),
        _intersecting,
    ),
    "light_ru": Peer(_cell("LightRUCell"), _gates(("candidate", "forget"), (None, "h_prev")), _one),
    "ligru_plain": Peer(
        _cell("LiGRUCell"), _gates(("update", "candidate"), ("h_prev", "h_prev")), _one
    ),
    "mgu": Peer(
        _cell("MGUCell"), _gates(("forget", "candidate"), ("h_prev", "forget*h_prev")), _one
    ),
    "minimal_rnn": Peer(_cell("MinimalRNNCell"), _minimal_rnn, _one),
    "miru1": Peer(
        _cell("MiRU1Cell"), _gates(("reset", "candidate"), ("h_prev", "reset*h_prev")), _one
    ),
    "miru2": Peer(_cell("MiRU2Cell"), _gates(["candidate"], ["recall*h_prev"]), _one),
    "mut1": Peer(_cell("MUT1Cell"), _mut1, _one),
    "mut2": Peer(_cell("MUT2Cell"), _gates(_RESET, ("h_prev", "h_prev", "reset*h_prev")), _one),
    "mut3": Peer(
        _cell("MUT3Cell"), _gates(_RESET, ("tanh(h_prev)", "h_prev", "reset*h_prev")), _one
    ),
    "ran": Peer(_cell("RANCell"), _additive, _two),
    "sgrn": Peer(
        _cell("SGRNCell"),
        lambda w: _basic(w, ["seen.x"], ["forget.h_prev"], ["seen.bias"], ["forget.bias"]),
        _one,
    ),
    "sgu": Peer(_cell("SGUCell", gate_nonlinearity=_HardSigmoid()), _sgu, _one),
    "dsgu": Peer(
        _cell("DSGUCell", gate_nonlinearity=_HardSigmoid()),
        _with(_sgu, weight_ho="candidate.filter*h_prev"),
        _one,
    ),
    "star": Peer(_cell("STARCell"), _gates(("candidate", "update"), (None, "h_prev")), _one),
    "trnn": Peer(_cell("TRNNCell"), _feedforward, _one),
    "tgru": Peer(_cell("TGRUCell"), _typed, _typed_gru),
    "tlstm": Peer(_cell("TLSTMCell"), _typed, _typed_lstm),
    "ugrnn": Peer(_cell("UGRNNCell"), _gates(("candidate", "update"), ("h_prev", "h_prev")), _one),
    "unicornn": Peer(_cell("UnICORNNCell", dt=0.19, alpha=30.65), _unicornn, _two),
}


def _over_time(step: Callable[[Any, Tensors], Stepped], x: Any, states: Tensors) -> Stepped:
    outputs = []
    for t in range(x.shape[1]):
        emitted, states = step(x[:, t], states)
        outputs.append(emitted)
    return torch.stack(outputs, 1), states


def _outputs(name: str, peer: Peer, x: Any, states: Tensors, w: Tensors) -> Stepped:
    case = CASES[name]
    module, parameters = peer.make(case.features, case.units), peer.parameters(w)

    def call(*arguments: Any) -> Any:
        return torch.func.functional_call(module, parameters, arguments)

    return _over_time(lambda u, s: peer.step(call, u, s), x, states)


@pytest.mark.one_in(6)
@MUTES
@pytest.mark.parametrize("name", PEERS)
def test_the_layer_is_torchrecurrents_cell(name: str) -> None:
    same_as_torch(name, lambda x, states, w: _outputs(name, PEERS[name], x, states, w))


@MUTES
@pytest.mark.parametrize("mode", ["default", "no_gate", "pure"])
def test_the_layer_is_ncps_closed_form(mode: str) -> None:
    cell = library("ncps.torch.cfc_cell").CfCCell
    heads = {"ff1": "start", "ff2": "goal", "time_a": "time_scale", "time_b": "time_shift"}

    def peer(x: Any, states: Tensors, w: Tensors) -> Stepped:
        units = states["h"].shape[-1]
        module = cell(x.shape[-1], units, mode, backbone_units=len(w["backbone.bias"])).double()
        stacked = torch.cat([w["backbone.x"], w["backbone.h_prev"]])
        parameters = {"backbone.0.weight": stacked.T, "backbone.0.bias": w["backbone.bias"]}
        for own, gate in heads.items():
            if f"{gate}.bias" in w:
                parameters[f"{own}.weight"] = w[f"{gate}.backbone"].T
                parameters[f"{own}.bias"] = w[f"{gate}.bias"]
        if mode == "pure":
            parameters |= {"w_tau": w["rate"][None], "A": w["level"][None]}

        def step(u: Any, s: Tensors) -> Stepped:
            h, _ = torch.func.functional_call(module, parameters, (u, s["h"], 0.7))
            return h, {"h": h}

        return _over_time(step, x, states)

    same_as_torch("cfc" if mode == "default" else f"cfc_{mode}", peer)


@MUTES
def test_the_layer_is_ncps_liquid_network() -> None:
    cell = library("ncps.torch.ltc_cell").LTCCell
    wirings = library("ncps.wirings")
    plain = {
        "gleak": "leak",
        "vleak": "rest",
        "cm": "membrane",
        "input_w": "input_scale",
        "input_b": "input_offset",
        "output_w": "output_scale",
        "output_b": "output_offset",
    }

    def peer(x: Any, states: Tensors, w: Tensors) -> Stepped:
        units, features = states["v"].shape[-1], x.shape[-1]
        module = cell(wirings.FullyConnected(units), features, implicit_param_constraints=True)
        own = {name: w[ours] for name, ours in plain.items()}
        for prefix in ("", "sensory_"):
            for name, ours in (("w", "w"), ("sigma", "sigma"), ("mu", "mu"), ("erev", "reversal")):
                own[f"{prefix}{name}"] = w[f"{prefix}{ours}"].reshape(units, -1).T
            own[f"{prefix}sparsity_mask"] = torch.ones_like(own[f"{prefix}w"])
        # The module reads its parameters from a dictionary, which functional_call passes by.
        module._params.update(own)

        def step(u: Any, s: Tensors) -> Stepped:
            out, v = module(u, s["v"])
            return out, {"v": v}

        return _over_time(step, x, states)

    same_as_torch("ltc", peer)


def _lem(w: Tensors) -> Tensors:
    of_x = [f"{g}.x" for g in ("fast", "slow", "memory", "candidate")]
    of_h = [f"{g}.h_prev" for g in ("fast", "slow", "memory")]
    found = _basic(w, of_x, of_h, [f"{g}.bias" for g in ("fast", "slow", "memory", "candidate")])
    none = torch.zeros_like(w["candidate.bias"])
    return {**found, "weight_ch": w["candidate.c"].T, "bias_ch": none}


@MUTES
def test_lem_reads_its_new_memory_where_torchrecurrent_reads_the_old() -> None:
    x, states, weights = drawn("lem")
    tensors, w = leaves({"x": x, **states}), leaves(weights)
    given = {n: tensors[n] for n in states}
    old, _ = _outputs("lem", Peer(_cell("LEMCell"), _lem, _two), tensors["x"], given, w)
    ours, _ = run(CASES["lem"].step, x, states, weights)
    assert np.max(np.abs(ours - old.detach().numpy())) > 1e-2

    same_as_torch(
        "lem", lambda x, states, w_: _over_time(lambda u, s: _authors_lem(u, s, w_), x, states)
    )


def _authors_lem(u: Any, s: Tensors, w: Tensors) -> Stepped:
    """One step in the order of tk-rusch/LEM: the memory first, then the state that reads it."""
    fast, slow, memory = (
        u @ w[f"{g}.x"] + s["h"] @ w[f"{g}.h_prev"] + w[f"{g}.bias"]
        for g in ("fast", "slow", "memory")
    )
    c = s["c"] + torch.sigmoid(slow) * (torch.tanh(memory) - s["c"])
    shown = torch.tanh(c @ w["candidate.c"] + u @ w["candidate.x"] + w["candidate.bias"])
    h = s["h"] + torch.sigmoid(fast) * (shown - s["h"])
    return h, {"h": h, "c": c}


@MUTES
def test_the_gate_of_fast_grnn_is_a_sigmoid_where_torchrecurrents_default_is_tanh() -> None:
    x, states, weights = drawn("fast_grnn")
    tensors, w = leaves({"x": x, **states}), leaves(weights)
    given = {n: tensors[n] for n in states}
    default = Peer(_cell("FastGRNNCell"), _fast_grnn, _one)
    theirs, _ = _outputs("fast_grnn", default, tensors["x"], given, w)
    ours, _ = run(CASES["fast_grnn"].step, x, states, weights)
    assert np.max(np.abs(ours - theirs.detach().numpy())) > 1e-2


@MUTES
def test_mut2_of_equal_widths_has_x_itself_in_its_reset_gate() -> None:
    """torchrecurrent projects it; with the identity as its matrix the two are one."""
    name = "mut2_equal_widths"

    def peer(x: Any, states: Tensors, w: Tensors) -> Stepped:
        identity = torch.eye(x.shape[-1], dtype=torch.float64)
        same = PEERS["mut2"]._replace(
            parameters=lambda w: PEERS["mut2"].parameters({**w, "reset.x": identity})
        )
        return _outputs(name, same, x, states, w)

    same_as_torch(name, peer)


@MUTES
def test_scrn_keeps_its_hidden_state_where_torchrecurrent_feeds_the_output_back() -> None:
    units, features, rng = 4, 2, np.random.default_rng(3)
    # Their context is as wide as h; ours has any width.
    square = ("h.h_prev", "h.context", "readout.h", "readout.context")
    of_x = {"slow.x": (features, units), "h.x": (features, units)}
    w = draw({**of_x, **dict.fromkeys(square, (units, units))}, rng)
    x = rng.standard_normal((BATCH, TIME, features))
    zeros = {name: np.zeros((BATCH, units)) for name in ("h", "context")}
    ours, _ = run(CASES["scrn"].step, x, zeros, w)

    tensors = leaves(w)
    module = _cell("SCRNCell", alpha=0.95)(features, units)
    pairs = {"ih": ("slow.x", "h.x"), "hh": ("h.h_prev", "readout.h")}
    pairs["ch"] = ("h.context", "readout.context")
    parameters = {f"weight_{key}": rows(tensors, names) for key, names in pairs.items()}
    parameters |= {f"bias_{key}": torch.zeros(2 * units, dtype=torch.float64) for key in pairs}
    parameters["alpha"] = torch.tensor(0.95, dtype=torch.float64)
    state = tuple(torch.zeros(BATCH, units, dtype=torch.float64) for _ in range(2))
    theirs = []
    for t in range(TIME):
        state = torch.func.functional_call(module, parameters, (torch.tensor(x[:, t]), state))
        theirs.append(state[0].detach().numpy())
    np.testing.assert_allclose(np.arctanh(theirs[0]), ours[:, 0], rtol=0, atol=1e-12)
    assert np.max(np.abs(np.arctanh(theirs[1]) - ours[:, 1])) > 1e-2


def test_these_are_the_cells_that_are_said_to_be_compared() -> None:
    ours = {CASES[name].cell or name for name in PEERS}
    assert ours == set(COMPARED["torchrecurrent"]) - LSTMS
