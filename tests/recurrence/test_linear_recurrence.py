"""Linear recurrences: both solvers against a plain loop, at any length and in any mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from seams import SOLVERS, linear_recurrence

from .layers import graph
from .problems import difference

# Around powers of two and around the steps that the loop writes out in one turn.
LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 100)


def _drawn(k: int, steps: int, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    a = rng.uniform(-0.9, 0.9, (k, k, steps, 2, 3)) / k
    return a, rng.normal(size=(k, steps, 2, 3)), rng.normal(size=(k, 2, 3))


def _expected(a: Any, b: Any, first: Any) -> Any:
    states, found = first, []
    for step in range(b.shape[1]):
        states = np.einsum("ijbw,jbw->ibw", a[:, :, step], states) + b[:, step]
        found.append(states)
    return np.stack([*found, states], 1)


def _solved(solver: str, a: Any, b: Any, first: Any) -> Any:
    """Return the sequences, and the last values behind them as one more step."""
    k = b.shape[0]
    rows = [[a[i, j] for j in range(k)] for i in range(k)]
    right, start = [b[i] for i in range(k)], [first[i] for i in range(k)]
    sequences, last = linear_recurrence(SOLVERS[solver], rows, right, start)
    return tf.concat([tf.stack(sequences), tf.stack(last)[:, None]], 1)


def _with_gradient(solver: str, weights: Any) -> Any:
    def run(a: Any, b: Any, first: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([a, b, first])
            found = _solved(solver, a, b, first)
            total = tf.reduce_sum(weights * found)
        return found, *tape.gradient(total, [a, b, first])

    return run


def _by_autodiff(a: Any, b: Any, first: Any, weights: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch([a, b, first])
        states, found = first, []
        for step in range(b.shape[1]):
            states = tf.einsum("ijbw,jbw->ibw", a[:, :, step], states) + b[:, step]
            found.append(states)
        total = tf.reduce_sum(weights * tf.stack([*found, states], 1))
    return tape.gradient(total, [a, b, first], unconnected_gradients="zero")


@pytest.mark.parametrize("steps", LENGTHS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.one_in(2)
def test_values_and_gradients_at_any_length(solver: str, steps: int) -> None:
    for k in (1, 2):
        a, b, first = (tf.constant(value) for value in _drawn(k, steps))
        shape = (k, steps + 1, 2, 3)
        weights = np.random.default_rng(1).normal(size=shape)
        found, *gradients = _with_gradient(solver, weights)(a, b, first)
        assert difference(found, _expected(*(v.numpy() for v in (a, b, first)))) < 1e-14
        for gradient, right in zip(gradients, _by_autodiff(a, b, first, weights), strict=True):
            assert difference(gradient, right) < 1e-14


@pytest.mark.parametrize(
    "steps", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 5, 100))]
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_compiled_by_xla_at_any_length(solver: str, steps: int) -> None:
    drawn = [tf.constant(value) for value in _drawn(1, steps)]
    weights = np.random.default_rng(1).normal(size=(1, steps + 1, 2, 3))
    run = _with_gradient(solver, weights)
    for actual, expected in zip(graph(run, jit_compile=True)(*drawn), run(*drawn), strict=True):
        assert difference(actual, expected) < 1e-13


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_product_that_underflows_is_a_past_that_is_forgotten(solver: str) -> None:
    a, b, first = _drawn(1, 200)
    a, b, first = (np.float32(v) for v in (np.full_like(a, 1e-3), b, first))
    a[:, :, 100] = 0.0
    drawn = [tf.constant(value) for value in (a, b, first)]
    found, *gradients = _with_gradient(solver, np.float32(1))(*drawn)
    assert difference(found, _expected(a, b, first)) < 1e-6
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_accumulator_keeps_its_digits(solver: str) -> None:
    a, b, first = _drawn(1, 1000)
    drawn = [np.float32(value) for value in (np.ones_like(a), b, first)]
    exact = _expected(*(np.float64(value) for value in drawn))
    assert difference(_solved(solver, *map(tf.constant, drawn)), exact) < 3e-5


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_second_derivative_is_refused(solver: str) -> None:
    a, b, first = (tf.constant(value) for value in _drawn(1, 3))
    with tf.GradientTape() as outer:
        outer.watch(b)
        with tf.GradientTape() as inner:
            inner.watch(b)
            total = tf.reduce_sum(_solved(solver, a, b, first) ** 2)
        gradient = inner.gradient(total, b)
    with pytest.raises(NotImplementedError, match=f"the {solver} executor has first-order"):
        outer.gradient(gradient, b)
