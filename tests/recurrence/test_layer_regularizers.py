"""Regularizers and constraints of a layer: penalties, gradients, saving, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gatekit
from gatekit import ConfigError

# Its reads are a matrix, a stack of blocks, a diagonal and two thin matrices.
MAPS = {
    "name": "maps",
    "gates": {
        "forget": {
            "kind": "sigmoid",
            "reads": {"x": "dense", "h_prev": {"kind": "block", "blocks": 2}},
        },
        "update": {
            "kind": "tanh",
            "reads": {"x": {"kind": "low_rank", "rank": 1}, "h_prev": "diagonal"},
        },
    },
    "equations": {"h": "forget*h_prev + (1-forget)*update"},
    "emits": "h",
}


def layer_of(cell: Any = "lstm", **options: Any) -> Any:
    layer = gatekit.RNN(cell, 4, seed=3, dtype="float64", **options)
    layer.build((None, None, 3))
    return layer


def penalty(value: np.ndarray, kind: str) -> tuple[float, np.ndarray]:
    """Return a penalty and its gradient, written from the definitions."""
    if kind == "l1":
        return 0.25 * np.abs(value).sum(), 0.25 * np.sign(value)
    return 0.5 * np.square(value).sum(), value


RULES = {"l1": keras.regularizers.L1(0.25), "l2": keras.regularizers.L2(0.5)}


@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        *(("lstm", "reference"), (MAPS, "stacked")),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in (
                ("lstm", "stacked"),
                ("lstm", "unroll"),
                (MAPS, "reference"),
                (MAPS, "unroll"),
            )
        ),
    ],
)
def test_the_gradient_is_the_tasks_plus_the_penaltys(cell: Any, executor: str) -> None:
    _check_gradient(cell, executor)


def _check_gradient(cell: Any, executor: str) -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 3, 3)))
    plain = layer_of(cell, executor=executor)
    for weight in plain.weights:
        weight.assign(rng.normal(size=weight.shape))
    for kind, rule in RULES.items():
        keys = ["kernel", "recurrent", "bias"]
        layer = layer_of(cell, executor=executor, regularizers=dict.fromkeys(keys, rule))
        layer.set_weights(plain.get_weights())
        slopes = {}
        for each in (plain, layer):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(each(x, training=True) ** 2)
                total = loss + sum(each.losses) if each.losses else loss
            slopes[each.name] = tape.gradient(total, each.trainable_variables)
        sums = 0.0
        kinds = {weight.name: weight.kind for weight in layer.cell.weights}
        rows = zip(layer.named_weights.items(), slopes[plain.name], slopes[layer.name], strict=True)
        for (name, weight), without, found in rows:
            value = np.asarray(weight.numpy())
            more, slope = penalty(value, kind) if kinds[name] in keys else (0.0, 0.0)
            sums += more
            np.testing.assert_allclose(found, without + slope, rtol=1e-6, atol=1e-7, err_msg=name)
        np.testing.assert_allclose(float(total - loss), sums, rtol=1e-6)


def test_a_gate_takes_precedence_over_the_cell_and_none_means_none() -> None:
    regularizers = {
        "kernel": "l2",
        "recurrent": keras.regularizers.L1(0.5),
        "forget": {"recurrent": None, "bias": "l2"},
        "input": {"recurrent": keras.regularizers.L2(3)},
    }
    layer = layer_of(regularizers=regularizers)
    found = {
        name: weight.regularizer.get_config()
        for name, weight in layer.named_weights.items()
        if weight.regularizer is not None
    }
    kernels = {f"{gate}.x" for gate in ("input", "forget", "output", "candidate")}
    assert {name for name in found if name.endswith(".x")} == kernels
    assert found["input.h_prev"] == {"l2": 3.0}
    assert found["forget.bias"] == {"l2": pytest.approx(0.01)}
    assert found["candidate.h_prev"] == found["output.h_prev"] == {"l1": 0.5}
    assert "forget.h_prev" not in found
    assert layer.spec == gatekit.RNN("lstm", 4).spec


def test_a_constraint_holds_after_every_step_of_the_optimizer() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 3))
    bound = keras.constraints.MaxNorm(0.25)
    layer = layer_of(MAPS, constraints={"kernel": bound, "recurrent": "non_neg"})
    model = keras.Sequential([layer])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((4, 4)), epochs=2, verbose=0)
    for name in ("forget.x", "update.x.left"):
        norms = np.sqrt(np.square(layer.named_weights[name].numpy()).sum(0))
        assert norms.max() <= 0.25 + 1e-5
    for name in ("forget.h_prev", "update.h_prev"):
        value = layer.named_weights[name].numpy()
        assert value.min() >= 0 < value.max()


@keras.saving.register_keras_serializable(package="test_layer_regularizers")
class Cubed(keras.Regularizer):
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: Any) -> Any:
        return self.factor * keras.ops.sum(keras.ops.abs(x) ** 3)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}


class Unregistered(Cubed):
    pass


def test_rules_and_objects_survive_a_file(tmp_path: Path) -> None:
    layer = gatekit.RNN(
        "lstm",
        4,
        seed=1,
        regularizers={
            "recurrent": Cubed(0.5),
            "kernel": "l2",
            "forget": {"recurrent": "l1", "bias": Cubed(2.0)},
        },
        constraints={"output": {"kernel": keras.constraints.UnitNorm(axis=1)}},
    )
    model = keras.Sequential([keras.Input((None, 3)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.losses, model.losses)
    assert len(model.losses) == 4 + 4 + 1
    again = loaded.layers[-1]
    assert again.get_config() == layer.get_config()
    assert isinstance(again.named_weights["input.h_prev"].regularizer, Cubed)
    assert isinstance(again.named_weights["forget.h_prev"].regularizer, keras.regularizers.L1)
    assert again.named_weights["forget.bias"].regularizer.factor == 2.0
    assert again.named_weights["output.x"].constraint.axis == 1
    assert again.named_weights["input.x"].constraint is None


def test_only_registered_classes_are_made_from_a_file() -> None:
    config = gatekit.RNN("lstm", 4, regularizers={"kernel": Unregistered(1.0)}).get_config()
    with pytest.raises(ConfigError, match="Unregistered"):
        gatekit.RNN.from_config(config)
    with keras.saving.custom_object_scope({"Unregistered": Unregistered}):
        layer = gatekit.RNN.from_config(config)
    layer.build((None, None, 3))
    assert isinstance(layer.named_weights["input.x"].regularizer, Unregistered)
