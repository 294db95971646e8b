"""The tutorial's LSTM against the NumPy recurrence, values and gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from . import lstm
from .functions import Array
from .run import gradients, run
from .tutorial_lstm import GATEKIT_NAMES, TutorialLSTM

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4


@pytest.fixture(name="x")
def _x() -> Array:
    return np.random.default_rng(0).standard_normal((BATCH, TIME, FEATURES))


@pytest.fixture(name="hidden_memory")
def _hidden_memory() -> Array:
    return np.random.default_rng(1).standard_normal((2, BATCH, UNITS))


def _named(layer: TutorialLSTM) -> dict[str, Array]:
    return {GATEKIT_NAMES[n]: v.astype(np.float64) for n, v in layer.get_weights().items()}


@pytest.mark.parametrize(
    ("dtype", "tolerance", "in_graph"), [(tf.float32, 1e-6, False), (tf.float64, 1e-12, True)]
)
def test_it_is_the_lstm_of_the_paper(
    x: Array, hidden_memory: Array, dtype: tf.DType, tolerance: float, in_graph: bool
) -> None:
    layer = TutorialLSTM(FEATURES, UNITS, seed=3, dtype=dtype)
    call = tf.function(layer.run) if in_graph else layer.run
    outputs, last = call(tf.constant(x, dtype), tf.constant(hidden_memory, dtype))
    states = {"h": hidden_memory[0], "c": hidden_memory[1]}
    expected, after = run(lstm.step, x, states, _named(layer))
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(last, [after["h"], after["c"]], rtol=0, atol=tolerance)


def test_it_starts_from_zeros(x: Array) -> None:
    layer = TutorialLSTM(FEATURES, UNITS)
    np.testing.assert_array_equal(layer(x), layer(x, np.zeros((2, BATCH, UNITS))))


def test_its_gradients_are_those_of_the_recurrence(x: Array, hidden_memory: Array) -> None:
    layer = TutorialLSTM(FEATURES, UNITS, dtype=tf.float64)
    cotangent = np.random.default_rng(2).standard_normal((BATCH, TIME, UNITS))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, hidden_memory) * cotangent)
    found = tape.gradient(loss, layer.variables)
    states = {"h": hidden_memory[0], "c": hidden_memory[1]}
    expected = gradients(lstm.step, x, states, _named(layer), cotangent).w
    for name, gradient in found.items():
        np.testing.assert_allclose(
            gradient, expected[GATEKIT_NAMES[name]], rtol=0, atol=1e-12, err_msg=name
        )


def test_all_weights_are_drawn_alike_and_by_seed() -> None:
    layer = TutorialLSTM(60, 50, seed=5)
    for name, values in layer.get_weights().items():
        # three standard errors of the standard deviation of n draws
        assert values.std() == pytest.approx(0.1, abs=0.3 / np.sqrt(2 * values.size)), name
    again, other = TutorialLSTM(60, 50, seed=5), TutorialLSTM(60, 50, seed=6)
    np.testing.assert_array_equal(layer.Wi, again.Wi)
    assert not np.allclose(layer.Wi, other.Wi)
    assert not np.allclose(layer.Wi, layer.Wf)


def test_weights_are_set_and_read_by_name(x: Array) -> None:
    layer, other = TutorialLSTM(FEATURES, UNITS, seed=1), TutorialLSTM(FEATURES, UNITS, seed=2)
    assert not np.allclose(layer(x), other(x))
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x), other(x))
    other.set_weights({"bog": np.full(UNITS, -50.0)})
    np.testing.assert_allclose(other(x), 0.0, atol=1e-20)
    with pytest.raises(KeyError, match="bo"):
        other.set_weights({"bo": np.zeros(UNITS)})


def test_a_subclass_changes_one_unit(x: Array) -> None:
    class EmitsMemory(TutorialLSTM):
        def create_output_unit(self) -> Callable[[tf.Tensor], tf.Tensor]:
            return lambda hidden_memory: hidden_memory[1]

    layer = EmitsMemory(FEATURES, UNITS, seed=1)
    outputs, last = layer.run(x)
    np.testing.assert_array_equal(outputs[:, -1], last[1])
    assert not np.allclose(outputs, TutorialLSTM(FEATURES, UNITS, seed=1)(x))
