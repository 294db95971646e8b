"""Noise that a gate declares: drawn in training, its mean otherwise, the same by any executor."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gatekit
from gatekit import Gate, GatekitError, ops

UNITS, FEATURES, ROWS, STEPS = 4, 3, 5, 6
EULER = 0.5772156649015329


class Concrete(Gate):
    """A binary concrete gate, a differentiable relaxation of a coin."""

    temperature: float = 0.5
    noises = {"u": "uniform"}

    def activate(self, pre: Any, u: Any) -> Any:
        return ops.sigmoid((pre + ops.log(u) - ops.log(1 - u)) / self.temperature)


class Shown(Gate):
    """The noise itself."""

    reads = ()
    bias = False
    noises = {"e": "normal"}

    def activate(self, e: Any) -> Any:
        return e


def _of(kind: str) -> dict[str, Any]:
    """Return a cell that emits its noise, in YAML's form."""
    noisy = {"activation": "e", "noises": {"e": kind}, "reads": [], "bias": False}
    return {"gates": {"g": noisy}, "equations": {"h": "g + 0 * h_prev"}, "emits": "h"}


def _x(seed: int = 0, shape: tuple[int, ...] = (ROWS, STEPS, FEATURES)) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape))


def _layer(cell: Any = "lstm", executor: str = "reference", **more: Any) -> Any:
    swap = {"swap": {"forget": Concrete()}} if cell == "lstm" else {}
    given = {"seed": 1, "dtype": "float64", "return_sequences": True, **swap, **more}
    return gatekit.RNN(cell, UNITS, executor=executor, **given)


@pytest.mark.parametrize(
    ("kind", "mean", "deviation"),
    [
        ("uniform", 0.5, 12**-0.5),
        ("normal", 0.0, 1.0),
        ("gumbel", EULER, np.pi / 6**0.5),
        ("logistic", 0.0, np.pi / 3**0.5),
    ],
)
def test_draws_have_the_distribution_and_testing_its_mean(
    kind: str, mean: float, deviation: float
) -> None:
    layer = _layer(_of(kind))
    x = tf.zeros([50, 60, FEATURES], tf.float64)
    drawn = np.asarray(layer(x, training=True))
    assert drawn.mean() == pytest.approx(mean, abs=5 * deviation / drawn.size**0.5)
    assert drawn.std() == pytest.approx(deviation, rel=0.05)
    np.testing.assert_allclose(layer(x), mean, rtol=1e-15)
    assert len(np.unique(drawn)) > 0.99 * drawn.size  # of each row, step and unit


def test_the_recurrence_is_that_of_the_equations_with_the_mean() -> None:
    layer, x = _layer(), np.asarray(_x())
    outputs = layer(tf.constant(x))
    w = {name: np.asarray(value) for name, value in layer.named_weights.items()}
    h = c = np.zeros((ROWS, UNITS))

    def pre(gate: str, now: Any) -> Any:
        return now @ w[f"{gate}.x"] + h @ w[f"{gate}.h_prev"] + w[f"{gate}.bias"]

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    for t in range(STEPS):
        now = x[:, t]
        keep = sigmoid(pre("forget", now) / 0.5)  # log(u) - log(1 - u) is 0 at the mean of u
        c = keep * c + sigmoid(pre("input", now)) * np.tanh(pre("candidate", now))
        h = sigmoid(pre("output", now)) * np.tanh(c)
        np.testing.assert_allclose(outputs[:, t], h, rtol=1e-13, atol=1e-15)


def test_the_recurrence_is_that_of_the_equations_with_the_draws() -> None:
    cell = {
        "gates": {"g": Shown(), "k": {"kind": "candidate", "reads": ["x"]}},
        "equations": {"h": "0.5 * h_prev + k * g"},
        "emits": "h",
    }
    layer, x = _layer(cell), _x(3)
    noise = np.asarray(_layer(_of("normal"))(x, training=True))
    outputs = np.asarray(layer(x, training=True))
    w = {name: np.asarray(value) for name, value in layer.named_weights.items()}
    h = np.zeros((ROWS, UNITS))
    for t in range(STEPS):
        k = np.tanh(np.asarray(x)[:, t] @ w["k.x"] + w["k.bias"])
        h = 0.5 * h + k * noise[:, t]
        np.testing.assert_allclose(outputs[:, t], h, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("executor", ["stacked", "unroll", "auto"])
@pytest.mark.parametrize("masked", [False, True])
def test_values_and_gradients_are_those_of_the_reference(executor: str, masked: bool) -> None:
    x, mask = _x(), np.random.default_rng(2).random((ROWS, STEPS)) < 0.7

    def results(executor: str) -> list[Any]:
        layer = _layer(executor=executor)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, mask=tf.constant(mask) if masked else None, training=True)
            loss = tf.reduce_sum(tf.sin(y))
        return [y, *tape.gradient(loss, [x, *layer.trainable_weights])]

    for one, other in zip(results(executor), results("reference"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("executor", ["affine", "scan"])
def test_a_cell_solved_for_all_steps_draws_the_same(executor: str) -> None:
    cell = {
        "gates": {
            "keep": {
                "activation": "sigmoid(pre + log(u) - log(1 - u))",
                "noises": {"u": "uniform"},
                "reads": ["x"],
            },
            "k": {"kind": "candidate", "reads": ["x"]},
        },
        "equations": {"h": "keep * h_prev + (1 - keep) * k"},
        "emits": "h",
    }
    one, other = (_layer(cell, each)(_x(), training=True) for each in (executor, "reference"))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_each_call_draws_anew_and_the_seed_decides() -> None:
    layer, x = _layer(), _x()
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.allclose(first, second)
    again = _layer()
    np.testing.assert_array_equal(first, again(x, training=True))
    np.testing.assert_array_equal(second, again(x, training=True))
    assert not np.allclose(first, _layer(seed=2)(x, training=True))


def test_a_step_cell_draws_anew_at_each_step() -> None:
    layer = keras.layers.RNN(
        gatekit.Cell(_of("uniform"), UNITS, seed=1, dtype="float64"), return_sequences=True
    )
    drawn = np.asarray(layer(_x(), training=True))
    assert len(np.unique(drawn)) == drawn.size


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "bfloat16", "float16"])
def test_noise_is_finite_in_every_type(dtype: str) -> None:
    for kind in ("uniform", "gumbel", "logistic", "normal"):
        y = np.asarray(_layer(_of(kind), dtype=dtype)(_x(), training=True), "float64")
        assert np.all(np.isfinite(y))
        assert kind != "uniform" or (y.min() > 0 and y.max() < 1)


def test_the_canonical_form_has_the_noise_of_an_expression() -> None:
    spec = _layer(_of("gumbel")).spec
    assert spec.canonical()["gates"]["g"]["noises"] == {"e": "gumbel"}


@pytest.mark.parametrize("noises", [{"e": "cauchy"}, {"e": 1}, {"pre": "normal"}, ["e"]])
def test_other_noise_is_refused(noises: Any) -> None:
    with pytest.raises(GatekitError, match="noise"):
        type("Wrong", (Gate,), {"noises": noises, "activate": Shown.activate})


def test_noise_that_the_gate_does_not_use_is_refused() -> None:
    config = _of("normal")
    config["gates"]["g"]["noises"]["unused"] = "normal"
    with pytest.raises(GatekitError, match="does not use its noise 'unused'"):
        _layer(config).build((None, None, FEATURES))
