"""Low precision: only matrix products run in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from .cells import CORE, LSTM_GATES, lstm_with
from .layers import HOLES, computed, graph, inputs_for, layer

TIME = 100
LIMITS = {"mixed_bfloat16": 2e-2, "mixed_float16": 3e-3}


def _relative(found: Any, expected: Any) -> float:
    a, b = np.asarray(tf.cast(found, tf.float64)), np.asarray(tf.cast(expected, tf.float64))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _pair(cell: str | Mapping[str, Any], policy: str, **options: Any) -> tuple[Any, Any]:
    """Return the layer under a policy, and in float64 with the same weights."""
    low = layer(cell, fill=False, dtype=policy, **options)
    exact = layer(cell, fill=False, dtype="float64", **options)
    for name, variable in exact.named_weights.items():
        variable.assign(tf.cast(low.named_weights[name].value, tf.float64))
    return low, exact


QUICK = {("lstm", "mixed_bfloat16", "stacked")}


@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize(
    ("cell", "policy", "executor"),
    [
        pytest.param(*row, marks=() if row in QUICK else pytest.mark.slow)
        for row in itertools.product(["lstm", "gru", "peephole"], LIMITS, ["stacked", "reference"])
    ],
)
def test_a_hundred_steps(cell: str, policy: str, executor: str) -> None:
    low, exact = _pair(
        cell,
        policy,
        units=32,
        features=8,
        executor=executor,
        return_sequences=True,
        return_state=True,
    )
    x = np.random.default_rng(0).normal(size=(8, TIME, 8))
    call = graph(lambda x: computed(low, x))
    actual, gradients = call(tf.constant(x, tf.float32))
    expected, exact_gradients = graph(lambda x: computed(exact, x))(tf.constant(x))
    assert actual["outputs"].dtype == tf.as_dtype(low.compute_dtype)
    for name in low.state_names:
        assert actual[name].dtype == tf.float32
    for name in expected:
        assert _relative(actual[name], expected[name]) <= LIMITS[policy], name
    for name, gradient in exact_gradients.items():
        # A gradient adds up the errors of 100 steps in both directions.
        assert _relative(gradients[name], gradient) <= 3 * LIMITS[policy], name


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize("executor", ["stacked", pytest.param("reference", marks=pytest.mark.slow)])
@pytest.mark.parametrize("policy", LIMITS)
def test_a_slow_forget_gate_keeps_its_memory(policy: str, executor: str) -> None:
    # 0.999^400 is 0.67; a forget gate rounded to bfloat16 would be 1 and lose nothing.
    forget = {"bias": {"kind": "constant", "value": float(np.log(999.0))}}
    gates: dict[str, Any] = {g: {"reads": {"x": "dense", "h_prev": None}} for g in LSTM_GATES}
    gates["forget"]["initializers"] = forget
    gates["input"]["initializers"] = {"bias": {"negative_of": "forget"}}
    low, exact = _pair(
        lstm_with(gates=gates), policy, units=4, executor=executor, return_state=True
    )
    states = {"c": np.ones((2, 4))}
    x = np.zeros((2, 400, 3))
    actual = low(tf.constant(x, tf.float32), initial_state=states)[-1]
    expected = exact(tf.constant(x), initial_state=states)[-1]
    assert _relative(actual, expected) <= 2e-3
    np.testing.assert_allclose(expected, 0.999**400, rtol=1e-6)


POLICIES = ("mixed_bfloat16", "float16", "bfloat16", "float32", "mixed_float16")
# Each cell runs in two of them always, the first and another in turn.
EVERY = [
    pytest.param(c, p, marks=() if k in (0, 1 + i % 4) else pytest.mark.slow)
    for i, c in enumerate(CORE)
    for k, p in enumerate(POLICIES)
]


@pytest.mark.one_in(4, slow=5)
@pytest.mark.parametrize(("cell", "policy"), EVERY)
def test_every_cell_in_every_precision(cell: str, policy: str) -> None:
    low, exact = _pair(cell, policy, return_sequences=True)
    x = np.asarray(inputs_for(exact))
    actual, gradients = computed(low, tf.constant(x, low.variable_dtype), HOLES, training=True)
    expected, exact_gradients = computed(exact, tf.constant(x), HOLES, training=True)
    tolerance = {"float32": 1e-5}.get(policy, 0.1)
    assert _relative(actual["outputs"], expected["outputs"]) <= tolerance
    scale = np.linalg.norm(exact_gradients["input x"])
    for name, gradient in gradients.items():
        error = np.linalg.norm(np.asarray(tf.cast(gradient, tf.float64)) - exact_gradients[name])
        # Some gradients are zero but for rounding, as that of slstm's first input gate.
        assert error <= tolerance * (np.linalg.norm(exact_gradients[name]) + scale), name


@pytest.mark.one_in(3)
@pytest.mark.parametrize("policy", ["float32", "float64", "bfloat16", *LIMITS])
@pytest.mark.parametrize("cell", ["lstm", "mingru"])
def test_symbolic_types_are_the_actual_ones(cell: str, policy: str) -> None:
    for return_state in (False, True):
        rnn = layer(cell, dtype=policy, return_state=return_state, return_sequences=True)
        given = keras.Input((TIME, 3), 2, dtype=rnn.variable_dtype)
        symbolic = keras.tree.flatten(rnn(given))
        actual = keras.tree.flatten(rnn(inputs_for(rnn, 2, TIME)))
        assert [s.dtype for s in symbolic] == [a.dtype.name for a in actual]
        assert [s.shape for s in symbolic] == [tuple(a.shape) for a in actual]


def test_numbers_of_a_cell_are_not_rounded_to_single_precision() -> None:
    """The initial value of a state, and an equation that is a number."""
    held = {"h": "h_prev + 0 * seen", "third": "1.1", "y_": "h + third"}
    gates = {"seen": {"activation": "pre", "reads": ["x"]}}
    cell = {"gates": gates, "equations": held, "initial": {"h": 0.1}, "emits": "y_"}
    for executor in ("reference", "stacked"):
        rnn = layer(cell, executor=executor)
        assert (np.asarray(rnn(inputs_for(rnn))) == 0.1 + 1.1).all()


def test_the_count_of_steps_goes_on_where_low_precision_ends() -> None:
    rnn = layer("power_law", fill=False, dtype="bfloat16", return_state=True)
    x, mask = tf.zeros([2, 300, rnn.cell.features], "bfloat16"), np.arange(300) < [[300], [60]]
    for more in ({}, {"resets": np.zeros(mask.shape, bool)}):
        count = rnn(x, mask=mask, **more)[-1]
        np.testing.assert_array_equal(tf.cast(count[:, 0], "float32"), [300, 60])
