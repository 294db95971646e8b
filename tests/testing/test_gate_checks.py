"""Each check of a gate fails for the gate that is wrong there, and passes for a good one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from seams import NAMES, PluginError, compare

from gatekit.testing import FAIL, PASS, XFAIL, Check, CheckError, gate_checks

from .planted import GATES, TF, source

Write = Callable[[str, str], Path]


def check(path: Path, name: str, gate: str = "planted") -> Check:
    """Return one check of the gate in a file."""
    (found,) = [c for c in gate_checks(gate, [str(path)]) if c.name == name]
    return found


def test_every_check_has_a_gate_that_is_wrong_there() -> None:
    assert set(GATES) == set(NAMES["gates"])


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", GATES)
def test_a_planted_gate_fails(name: str, write: Write) -> None:
    text, says = GATES[name]
    path = write(f"planted_{name}.py", text)
    gate = "BadName" if name == "name_valid" else "planted"
    outcome = check(path, name, gate).outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


@pytest.mark.parametrize("name", ["gradient", "differentiable"])
def test_a_gradient_that_is_stopped_is_not_compared(name: str, write: Write) -> None:
    stopped = source(
        "return ops.sigmoid(pre) + ops.stop(ops.tanh(c_prev))", arguments="pre, c_prev"
    )
    outcome = check(write("planted.py", stopped), name).outcome()
    assert (outcome.status, outcome.reason) == (PASS, "not compared: c_prev within stop(...)")
    wrong = stopped.replace("ops.sigmoid(pre)", "tf.stop_gradient(pre)")
    wrong = wrong.replace("import itertools", "import itertools\nimport tensorflow as tf")
    assert check(write("wrong.py", wrong), name).outcome().status == FAIL


def test_what_is_left_in_the_module_is_told(write: Write) -> None:
    path = write("planted.py", source("SEEN.append(1)\nreturn ops.sigmoid(pre)"))
    reason = check(path, "makes_nothing").outcome().reason
    assert reason.endswith("changes Planted, its instance or its module")


def test_a_gate_that_looks_at_types_is_told(write: Write) -> None:
    text = source("return ops.sigmoid(pre) * (0.5 if hasattr(pre, 'shape') else 1.0)")
    outcome = check(write("planted.py", text), "deterministic").outcome()
    assert "something else than for signals: its value" in outcome.reason


def test_a_global_generator_is_told(write: Write) -> None:
    text = source("import random\nrandom.random()\nreturn ops.sigmoid(pre)")
    outcome = check(write("planted.py", text), "deterministic").outcome()
    assert "draws from a global generator" in outcome.reason


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("return None", "NoneType"),
        ("return 0.5", "0.5"),
        (
            "import numpy\nreturn numpy.ones((15, 6))",
            "ndarray",
        ),
        ("return pre, {'k': pre}", "(none)"),
        ("return pre, pre, pre", "(value, "),
        (TF + "return pre[:3]", "15 rows"),
        ("return ops.sigmoid(pre) * self.slop", "return ops.sigmoid(pre) * self.slop"),
    ],
)
def test_what_is_returned_wrong_is_told(value: str, says: str, write: Write) -> None:
    outcome = check(write("planted.py", source(value)), "shape_kept").outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


K = '    states = {"k": 0.0}'
DEAD = {
    "a state times 0": ("return ops.sigmoid(pre) + 0 * k_prev, {'k': pre}", K, "the state k"),
    "a projection without weights": (
        "return ops.sigmoid(pre) + 0 * tau",
        '    projections = {"tau": Projection({"h_prev": "identity"}, bias=False)}',
        "the projection tau",
    ),
    "a projection of a state times 0": (
        "return ops.sigmoid(pre) + 0 * k_prev, {'k': tau}",
        f'{K}\n    projections = {{"tau": Projection("0.5 * k_prev + mean(x)")}}',
        "the projection tau",
    ),
}


@pytest.mark.parametrize("case", DEAD)
def test_what_does_not_influence_the_value_is_found(case: str, write: Write) -> None:
    value, body, says = DEAD[case]
    owned = ", ".join(["pre", *(name for name in ("k_prev", "tau") if name in value)])
    outcome = check(write("planted.py", source(value, body, owned)), "owned_matters").outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


STATES = {
    "explodes": ("k_prev * k_prev + 2", FAIL, "the state k is not finite from step"),
    "slowly": ("1.05 * k_prev + pre", FAIL, "per step"),
    "average": ("0.9 * k_prev + 0.1 * pre", PASS, ""),
    "saturates": ("ops.minimum(k_prev + 1, 10)", PASS, ""),
    "counts": ("k_prev + 1", PASS, "100 at step 100, 200 at step 200"),
    "squares": ("k_prev + t", PASS, "grows with the number of steps"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_state_may_grow_with_the_steps_but_not_by_a_factor(case: str, write: Write) -> None:
    update, status, says = STATES[case]
    text = source(
        f"return ops.sigmoid(pre + ops.tanh(k_prev)), {{'k': {update}}}", K, "pre, k_prev, t"
    )
    outcome = check(write("planted.py", text), "states_bounded").outcome()
    assert outcome.status == status, outcome
    assert says in outcome.reason if says else not outcome.reason


def test_the_gates_own_previous_value_may_not_grow_by_a_factor_either(write: Write) -> None:
    text = source("return pre + 2 * own_prev", arguments="pre, own_prev")
    outcome = check(write("planted.py", text), "states_bounded").outcome()
    assert outcome.status == FAIL


def test_a_part_behind_a_weight_that_starts_at_zero_matters(write: Write) -> None:
    body = (
        '    parameters = {"gain": Parameter("units", init=0.0)}\n'
        '    states = {"m": State("features")}\n'
        '    projections = {"tau": Projection("(x - m_prev)**2", initializer="zeros")}'
    )
    value = "return ops.sigmoid(pre + gain * tau), {'m': 0.9 * m_prev + 0.1 * x}"
    path = write("planted.py", source(value, body, "pre, gain, tau, x, m_prev"))
    outcome = check(path, "owned_matters").outcome()
    assert (outcome.status, outcome.reason) == (PASS, "tau, m")


@pytest.mark.parametrize(
    ("error", "agrees"), [(3.9e-6, True), (-3.9e-6, True), (4.1e-6, False), (float("nan"), False)]
)
def test_numbers_agree_relative_to_the_largest(error: float, agrees: bool) -> None:
    expected = [3.0, -1.0]
    with nullcontext() if agrees else pytest.raises(CheckError):
        compare("they differ", [3.0, -1.0 + error], expected, 1e-6)


def test_an_excused_failure_has_the_authors_reason(write: Write) -> None:
    body = '    expected_failures = {"differentiable": "rounds on purpose", "shape_kept": "no"}'
    path = write("planted.py", source(TF + "return tf.round(ops.sigmoid(pre))", body))
    outcome = check(path, "differentiable").outcome()
    assert (outcome.status, outcome.reason) == (XFAIL, "rounds on purpose")
    passed = check(path, "shape_kept").outcome()
    assert passed.status == PASS
    assert "remove it there" in passed.reason


def test_an_excuse_for_no_check_is_refused(write: Write) -> None:
    path = write("planted.py", source(body='    expected_failures = {"gradiant": "typo"}'))
    with pytest.raises(PluginError, match="did you mean 'gradient'"):
        gate_checks("planted", [str(path)])
    path = write("other.py", source(body='    expected_failures = {"gradient": ""}', name="other"))
    with pytest.raises(PluginError, match="reasons by check are expected"):
        gate_checks("other", [str(path)])


def test_a_failing_check_raises_for_pytest_and_a_good_one_does_not(write: Write) -> None:
    text, _ = GATES["units_apart"]
    with pytest.raises(AssertionError, match="units_apart: units mix"):
        check(write("planted.py", text), "units_apart")()
    check(write("good.py", source(name="good")), "units_apart", "good")()


def test_an_excused_check_is_an_expected_failure_of_pytest(write: Write) -> None:
    body = '    expected_failures = {"units_apart": "mixes them"}'
    path = write("planted.py", source("return ops.cumsum(pre)", body))
    with pytest.raises(pytest.xfail.Exception, match="mixes them"):
        check(path, "units_apart")()


def test_a_gate_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'forget'"):
        gate_checks("forgett")


def test_names_are_what_pytest_shows() -> None:
    assert [str(c) for c in gate_checks("sigmoid")] == list(NAMES["gates"])


@pytest.mark.one_in(6)
@pytest.mark.parametrize("name", NAMES["gates"])
def test_a_gate_with_state_parameter_and_count_passes(name: str, place: Path) -> None:
    (found,) = [c for c in gate_checks("power_law") if c.name == name]
    found()
