"""What a gate's function must not do, and the one message about it, with the author's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refused import at
from seams import CellError, loading, main

GATE = """import math

import numpy as np

from gatekit import Gate, hookimpl, ops


class Bad(Gate):
    \"\"\"``value = sigmoid(pre)``; Reference: unpublished\"\"\"

    states = {states}

    def activate(self, pre{arguments}):
        {body}


@hookimpl
def gatekit_gates():
    return {{"bad": Bad}}
"""
FAULTS = {
    "numpy": ("return np.tanh(pre)", ""),
    "an array": ("return np.where(pre > 0, 1.0, 0.0)", "compared"),
    "asarray": ("return np.sum(np.asarray(pre))", "array"),
    "if": ("return pre if pre > 0 else 0.1 * pre", "compared"),
    "truth": ("return pre or 1.0", "branch"),
    "max": ("return max(pre, 0)", "compared"),
    "math": ("return math.exp(pre)", ""),
    "tensorflow": ("import tensorflow as tf; return tf.tanh(pre)", ""),
    "torch": ("return pre.clamp(min=0).pow(2)", "clamp"),
    "its own": ("return abs(pre)", ""),
    "a cast": ("return pre.numpy().astype('float32')", "numpy"),
    "no module": ("return sigmoid(pre)", "'sigmoid'"),
    "other ops": ("return ops.clamp(pre, 0, 1)", "'clamp'"),
    "a list": ("return [pre]", "list"),
    "a loop": ("return sum(p for p in pre)", "loop"),
    "nothing": ("ops.tanh(pre)", "None"),
    "an option": ("return self.scal * ops.tanh(pre)", "'scal'"),
    "a name": ("return opps.tanh(pre)", "'opps'"),
    "a weight": ("return self.w * pre", "'w'"),
    "a memory": ("self.m = pre; return pre", "self.m"),
    "a product": ("return pre @ pre", ""),
    "a keyword": ("return ops.clip(pre, min=0, max=1)", "min=0, max=1"),
    "unknown": ("return ops.clipp(pre, 0, 1)", "'clip'"),
}


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that writes a plugin with the body of activate."""
    monkeypatch.chdir(tmp_path)

    def write(body: str, states: str = "{}", arguments: str = "") -> None:
        (tmp_path / "plugins").mkdir()
        text = GATE.format(body=body, states=states, arguments=arguments)
        (tmp_path / "plugins/bad.py").write_text(text)
        loading._registry.cache_clear()

    return write


COMMANDS = {
    "show": ["show", "cell=lstm", "swap.forget=bad"],
    "plan": ["plan", "--list", "cell=lstm", "swap.forget=bad", "task=adding", "units=4"],
    "train": ["train", "cell=lstm", "swap.forget=bad", "task=adding", "units=4"],
    "check": ["check", "bad", "--only", "shape_kept"],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.one_in(4)
def test_show_refuses_it_at_the_authors_line(
    fault: str, gate: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    body, says = FAULTS[fault]
    gate(body)
    assert main(COMMANDS["show"]) == 2
    printed = capsys.readouterr().err
    assert says in printed
    line = 13 if fault == "nothing" else 14
    assert f"plugins/bad.py, line {line}" in printed
    if line == 14:
        assert f"line 14: {body}" in printed


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", ["numpy", "if"])
def test_every_command_says_the_same(
    command: str, fault: str, gate: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    body, says = FAULTS[fault]
    gate(body)
    assert main(COMMANDS[command]) != 0
    streams = capsys.readouterr()
    found = " ".join((streams.err + streams.out).split())
    assert f"plugins/bad.py, line 14: {body}" in found
    assert says in found
    assert "subject" not in found
    assert "tf." not in found


def test_the_wrong_width_names_the_line_and_units(
    gate: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    gate("return ops.mean(pre)")
    assert main(COMMANDS["show"]) == 2
    printed = capsys.readouterr().err
    assert "plugins/bad.py, line 13" in printed
    assert "64 units" in printed


def test_the_wrong_width_in_yaml_names_the_activation() -> None:
    from gatekit import show

    gates = {"g": {"activation": "mean(pre)", "reads": ["x"]}}
    cell = {"name": "c", "gates": gates, "equations": {"h": "g + h_prev"}, "emits": "h"}
    with pytest.raises(CellError, check=at("cell.gates.g", names=("mean(pre)",))):
        show(cell)


def test_a_state_that_the_value_does_not_need_is_refused(
    gate: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    body = "return ops.tanh(pre), {'m': 0.9 * m_prev + 0.1 * pre}"
    gate(body, states="{'m': 0.0}", arguments=", m_prev")
    assert main(COMMANDS["show"]) == 2
    printed = capsys.readouterr().err
    assert "'m'" in printed
    assert "m_prev" in printed


def test_a_state_that_the_value_needs_through_another_is_used(gate: Callable[..., Any]) -> None:
    body = "return ops.tanh(pre + n_prev), {'m': pre, 'n': m_prev}"
    gate(body, states="{'m': 0.0, 'n': 0.0}", arguments=", m_prev, n_prev")
    assert main(COMMANDS["show"]) == 0
