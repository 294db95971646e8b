"""The functions of the language on tensors: values, gradients, every executor; and the time t."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import FUNCTIONS

import gatekit
from gatekit import Function, registry

SIMPLE = sorted(
    name for name, f in FUNCTIONS.items() if f.kind in ("elementwise", "units") and not f.static
)
RNG = np.random.default_rng(0)


def arguments(function: Function) -> list[Any]:
    """Return positive arguments, none of them where a derivative jumps."""
    return [RNG.uniform(0.1, 0.9, size=(3, 4)) for _ in range(function.arity)]


@pytest.mark.parametrize("name", SIMPLE)
def test_values_are_those_of_numpy(name: str) -> None:
    given = arguments(FUNCTIONS[name])
    found = FUNCTIONS[name](*(tf.constant(a) for a in given))
    np.testing.assert_allclose(found, FUNCTIONS[name](*given), atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SIMPLE if name != "stop"])
def test_gradients_are_slopes(name: str) -> None:
    given = [tf.constant(a) for a in arguments(FUNCTIONS[name])]
    slope, numeric = tf.test.compute_gradient(FUNCTIONS[name], given, delta=1e-6)
    for one, other in zip(slope, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


@pytest.mark.parametrize("executor", ["reference", "stacked", "unroll", "affine", "scan"])
def test_stop_is_the_identity_with_a_gradient_of_zero(executor: str) -> None:
    x = tf.constant(RNG.normal(size=(2, 4, 3)))
    found = {}
    for equation in ("a - stop(a) + h_prev / 2", "a + h_prev / 2"):
        cell = {
            "name": "cell",
            "gates": {"a": {"kind": "linear", "reads": ["x"]}},
            "equations": {"h": equation},
            "emits": "h",
        }
        layer = gatekit.RNN(cell, 2, executor=executor, seed=1, dtype="float64")
        with tf.GradientTape() as tape:
            y = layer(x)
        found[equation] = y, tape.gradient(y, layer.trainable_variables)
    (value, slopes), (plain, expected) = found.values()
    assert not np.any(value)
    assert np.any(plain)
    for one, other in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-14)


def test_a_step_has_the_gradient_of_its_surrogate() -> None:
    step, x = registry.catalogue().functions["heaviside"], tf.constant([-2.0, 0.0, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = step(x, tf.tanh(x))
    assert y.numpy().tolist() == [0.0, 0.0, 1.0]
    np.testing.assert_allclose(tape.gradient(y, x), 1 - np.tanh(x) ** 2, rtol=1e-6)


MEAN = {
    "name": "running_mean",
    "gates": {"value": {"activation": "pre"}},
    "equations": {"m": "m_prev + (value - m_prev) / t"},
    "emits": "m",
}


@pytest.mark.parametrize("executor", ["reference", "stacked", "unroll", "affine", "scan"])
def test_t_is_at_least_one_before_the_first_valid_step(executor: str) -> None:
    cell = {**MEAN, "gates": {"value": {"activation": "pre", "reads": ["x"]}}}
    layer = gatekit.RNN(cell, 4, return_sequences=True, executor=executor, seed=1, dtype="float64")
    x = tf.constant(RNG.normal(size=(2, 5, 3)))
    mask = np.array([[False, False, True, True, True], [True, True, False, True, False]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, mask=mask)
    slopes = tape.gradient(y, [x, *layer.trainable_variables])
    assert all(np.isfinite(np.asarray(part)).all() for part in [y, *slopes])
    kernel, bias = (layer.named_weights[n].numpy() for n in ("value.x", "value.bias"))
    values = x.numpy()[0, 2:] @ kernel + bias
    np.testing.assert_allclose(y[0, -1], values.mean(0), atol=1e-12)
