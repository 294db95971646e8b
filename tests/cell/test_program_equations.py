"""A cell written out: what plugins say, as equations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from seams import LAYER_NORM, Equations, aligned, evaluate, lower, substitute, texts, walk
from seams import BuiltCell as Cell

from gatekit import Gate, OutputUnit
from gatekit.registry import catalogue

from .shown import BUNDLED, cell


class Opaque(Gate):
    """A slice, which is no expression."""

    uses_tensorflow = True

    def activate(self, pre: Any, c_prev: Any) -> Any:
        """Return the gate's value."""
        return pre[..., :] + c_prev


class Hybrid(Gate):
    """A gate whose value is one of its states."""

    states = {"k": 0.0}

    def activate(self, pre: Any, k_prev: Any) -> Any:
        """Return the gate's value and state."""
        return pre + k_prev, {"k": pre + k_prev}


class Strange(OutputUnit):
    """An output unit that no expression describes."""

    def emit(self, emitted: Any) -> Any:
        """Return what is emitted."""
        return np.sort(emitted)


def lines(built: Cell) -> list[str]:
    """Return a cell's lines as text."""
    return texts(lower(built))


def test_a_pre_activation_that_is_used_once_stands_in_place() -> None:
    assert lines(cell("peephole")) == [
        "input = sigmoid(dense(x) + dense(h_prev) + diagonal(c_prev) + bias)",
        "forget = sigmoid(dense(x) + dense(h_prev) + diagonal(c_prev) + bias)",
        "candidate = tanh(dense(x) + dense(h_prev) + bias)",
        "c = forget * c_prev + input * candidate",
        "output = sigmoid(dense(x) + dense(h_prev) + diagonal(c) + bias)",
        "h = output * tanh(c)",
        "y = h",
    ]


def test_a_pre_activation_that_is_used_twice_has_a_line() -> None:
    assert lines(cell("ur_lstm"))[1:3] == [
        "refine.pre = dense(x) + dense(h_prev) + bias",
        "refine = (1 - 2 * sigmoid(refine.pre)) * forget**2 + 2 * sigmoid(refine.pre) * forget",
    ]


def test_a_gate_that_uses_its_new_state_names_it() -> None:
    assert lines(cell("lstm", swaps={"forget": "power_law"}))[2:4] == [
        "forget.k = sigmoid(forget.pre) * t + (1 - sigmoid(forget.pre)) * forget.k_prev",
        "forget = ((t - forget.k + 1) / (t - forget.k + 0.001))**-forget.p",
    ]
    known = replace(catalogue(), gates={**catalogue().gates, "hybrid": Hybrid})
    built = cell("lstm", gates={"forget": {"kind": "hybrid"}}, extra=known)
    assert lines(built)[1:3] == [
        "forget.k = dense(x) + dense(h_prev) + bias + forget.k_prev",
        "forget = forget.k",
    ]


def test_options_of_linear_maps_are_shown() -> None:
    reads = {"x": "dense", "h_prev": {"kind": "block", "blocks": 2}}
    built = cell("rnn", gates={"candidate": {"kind": "candidate", "reads": reads}})
    assert lines(built)[0] == "candidate = tanh(dense(x) + block[blocks=2](h_prev) + bias)"


def test_a_gate_that_expressions_cannot_say_is_listed_with_its_arguments() -> None:
    known = replace(catalogue(), gates={**catalogue().gates, "opaque": Opaque})
    found = Equations(lower(cell("lstm", gates={"forget": {"kind": "opaque"}}, extra=known)))
    line = next(line for line in found.lines if line.name == "forget")
    assert line.opaque
    assert found.text(line) == "forget = opaque(dense(x) + dense(h_prev) + bias, c_prev)"


def test_an_output_unit_that_expressions_cannot_say_is_listed_with_its_arguments() -> None:
    known = replace(catalogue(), output_units={"strange": Strange})
    found = Equations(lower(cell("lstm", output_unit="strange", extra=known)))
    assert found.lines[-1].opaque
    assert found.text(found.lines[-1]) == "y = strange(h)"


def test_an_output_unit_that_feeds_back_stands_among_the_signals() -> None:
    unit = type("Back", (catalogue().output_units["projection"],), {"feeds_back": True})
    known = replace(catalogue(), output_units={"back": unit})
    gate = {"kind": "candidate", "reads": ["x", "y_prev"]}
    built = cell("rnn", gates={"candidate": gate}, output_unit="back", extra=known)
    assert lines(built) == [
        "candidate = tanh(dense(x) + dense(y_prev) + bias)",
        "h = candidate",
        "y = dense(h) + bias",
    ]


def test_norms_are_shown_with_their_scales() -> None:
    gates = {"candidate": {"kind": "candidate", "norm": {"of": "read"}}}
    assert lines(cell("rnn", gates=gates))[0] == (
        "candidate = tanh(candidate.x.scale * layer_norm(dense(x)) + "
        "candidate.h_prev.scale * layer_norm(dense(h_prev)) + bias)"
    )
    gates = {"candidate": {"kind": "candidate", "norm": {"of": "sum"}}}
    assert lines(cell("rnn", gates=gates))[0] == (
        "candidate = tanh(candidate.scale * layer_norm(dense(x) + dense(h_prev)) + bias)"
    )


def test_who_shares_the_statistics_of_a_norm_is_told() -> None:
    assert lines(cell("layer_norm_gru_haste"))[2] == (
        "recurrent = recurrent.h_prev.scale * layer_norm[reset, update, recurrent](dense(h_prev))"
        " + bias"
    )
    alone, shared, all_three = (
        lines(cell(f"layer_norm_gru{ending}"))[0] for ending in ("", "_stacked", "_haste")
    )
    assert "layer_norm(dense(x))" in alone
    assert "layer_norm[reset, update](dense(x))" in shared
    assert "layer_norm[reset, update, candidate](dense(x))" in all_three


def test_an_epsilon_of_its_own_is_shown() -> None:
    found = lines(cell("layer_norm_lstm"))
    assert "shown = layer_norm[epsilon=0.001](c) * shown.scale + shown.offset" in found
    norm = {"of": "read", "group": ["reset", "update"], "epsilon": 0.01}
    gates = {g: {"kind": g, "norm": norm} for g in ("reset", "update")}
    text = aligned(cell("gru", gates=gates))
    assert r"\operatorname{LN}_{\mathrm{reset},\mathrm{update},\epsilon=0.01}" in text


@pytest.mark.parametrize("name", [*BUNDLED, "power_law"])
def test_the_lines_compute_what_the_gates_compute(name: str) -> None:
    """The lines, evaluated with numbers, agree with each gate's own function."""
    power_law = name == "power_law"
    built = cell("lstm", swaps={"forget": "power_law"}) if power_law else cell(name)
    if any(node.norm or node.source for node in built.nodes):
        pytest.skip("layer normalisation is no function of the language")
    program = lower(built)
    found = Equations(program)
    rng = np.random.default_rng(7)
    env: dict[str, Any] = {"t": np.float64(3.0), **built.constants}
    for key, shape in built.shapes.items():
        if key in built.inputs or f"{key}_prev" not in env:
            env[f"{key}_prev"] = rng.uniform(0.1, 0.9, (2, *shape))
    env.update({key: rng.normal(size=(2, width)) for key, width in built.inputs.items()})
    env.update({w.name: rng.uniform(0.1, 0.9, w.shape) for w in built.weights})
    env.update({key: rng.normal(size=(2, *program.shapes[key])) for key in found.linear})
    identities = {key: found.read(op) for key, op in found.linear.items() if op.kind == "identity"}
    pre: dict[str, Any] = {}
    for line in found.lines:
        expr = substitute(line.expr, identities)
        assert not any(getattr(node, "function", "").startswith(LAYER_NORM) for node in walk(expr))
        env[line.name] = evaluate(expr, env, built.spec.functions)
    for key in (*found.linear, *found.biases):
        owner = found.linear[key].owner if key in found.linear else found.biases[key]
        value = evaluate(identities[key], env, {}) if key in identities else env[key]
        pre[owner] = pre.get(owner, 0.0) + value
    for node in built.nodes:
        if node.kind != "gate":
            continue
        values = {a: pre[node.name] if k.startswith("pre:") else env[k] for a, k in node.arguments}
        assert node.declared is not None
        made = node.declared.compute(values)
        value, states = made if isinstance(made, tuple) else (made, {})
        np.testing.assert_allclose(env[node.name], value, rtol=1e-12)
        for state, new in states.items():
            np.testing.assert_allclose(env[f"{node.name}.{state}"], new, rtol=1e-12)
