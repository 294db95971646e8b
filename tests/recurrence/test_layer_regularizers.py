"""Regularizers and constraints of a layer: penalties, gradients, saving, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from refused import at
from seams import CellError

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
    if kind == "l2":
        return 0.5 * np.square(value).sum(), value
    if kind == "l1_l2":
        first, slope = penalty(value, "l1")
        second, other = penalty(value, "l2")
        return first + second, slope + other
    if value.ndim != 2 or len(value) < 2:
        return 0.0, np.zeros_like(value)
    # Half the mean over pairs of rows of |cos|, each pair counted twice.
    pairs = len(value) * (len(value) - 1) / 2
    norms = np.sqrt(np.square(value).sum(1, keepdims=True))
    unit = value / norms
    cosine = unit @ unit.T
    off = 1 - np.eye(len(value))
    slope = 0.25 / pairs * (np.sign(cosine) * off) @ unit * 2
    slope = (slope - unit * (slope * unit).sum(1, keepdims=True)) / norms
    return 0.25 / pairs * np.abs(cosine * off).sum(), slope


RULES = {
    "l1": {"kind": "l1", "l1": 0.25},
    "l2": {"kind": "l2", "l2": 0.5},
    "l1_l2": {"kind": "l1_l2", "l1": 0.25, "l2": 0.5},
    "orthogonal": {"kind": "orthogonal", "factor": 0.5},
}


@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        *(("lstm", "reference"), (MAPS, "fused")),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in (
                ("lstm", "fused"),
                ("lstm", "unroll"),
                (MAPS, "reference"),
                (MAPS, "unroll"),
            )
        ),
    ],
)
def test_the_gradient_is_the_tasks_plus_the_penaltys(cell: Any, executor: str) -> None:
    _check_gradient(cell, executor)


@pytest.mark.parametrize("executor", ["affine", "scan"])
def test_affine_executors_have_the_same_penalties(executor: str) -> None:
    _check_gradient("mingru", executor)


def _check_gradient(cell: Any, executor: str) -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(2, 3, 3)))
    plain = layer_of(cell, executor=executor)
    # Angles between rows of an orthogonal matrix, as a layer starts with, have no gradient.
    for weight in plain.weights:
        weight.assign(rng.normal(size=weight.shape))
    for kind, rule in RULES.items():
        keys = ["kernel", "recurrent", *([] if kind == "orthogonal" else ["bias"])]
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


def test_a_gate_takes_precedence_over_the_cell_and_null_means_none() -> None:
    cell = {
        **gatekit.RNN("lstm", 1).spec.canonical(),
        "regularizers": {"kernel": "l2", "recurrent": {"kind": "l1", "l1": 0.5}},
    }
    cell["gates"]["forget"]["regularizers"] = {"recurrent": None, "bias": "l2"}
    cell["gates"]["input"]["regularizers"] = {"recurrent": {"kind": "l2", "l2": 3}}
    layer = layer_of(cell)
    found = {
        name: weight.regularizer.get_config()
        for name, weight in layer.named_weights.items()
        if weight.regularizer is not None
    }
    assert {name for name in found if name.endswith(".x")} == {
        "input.x",
        "forget.x",
        "output.x",
        "candidate.x",
    }
    assert found["input.h_prev"] == {"l2": 3.0}
    assert found["forget.bias"] == {"l2": 0.01}
    assert found["candidate.h_prev"] == found["output.h_prev"] == {"l1": 0.5}
    assert "forget.h_prev" not in found
    again = gatekit.RNN(layer.spec.canonical(), 4)
    assert again.spec == layer.spec


def test_every_spelling_is_one_cell() -> None:
    spellings: list[Any] = [
        "l2",
        {"kind": "l2"},
        {"kind": "l2", "l2": 0.01},
        keras.regularizers.L2(),
    ]
    specs = [gatekit.RNN("lstm", 4, regularizers={"kernel": each}).spec for each in spellings]
    assert all(spec == specs[0] for spec in specs)
    short = gatekit.RNN("lstm", 4, regularizers={"kernel": keras.regularizers.L1(1e-3)})
    assert short.spec.regularizers == (("kernel", {"kind": "l1", "l1": 1e-3}),)
    by_role = gatekit.RNN("lstm", 4, regularizers={"forget": {"recurrent": "l2"}}).spec
    by_gate = gatekit.RNN(
        "lstm",
        4,
        swap={
            "forget": {
                "kind": "forget",
                "initializers": {"bias": "ones"},
                "regularizers": {"recurrent": "l2"},
            }
        },
    ).spec
    assert by_role == by_gate


def test_no_rules_leave_no_trace_in_the_cell() -> None:
    for options in (
        {},
        {"regularizers": {}, "constraints": None},
        {"regularizers": {"kernel": None}},
    ):
        canonical = gatekit.RNN("lstm", 4, **options).spec.canonical()
        assert canonical == gatekit.RNN("lstm", 4).spec.canonical()
        assert not {"regularizers", "constraints"} & set(canonical)


CONSTRAINTS = {
    "max_norm": {"kind": "max_norm", "max_value": 0.25},
    "min_max_norm": {"kind": "min_max_norm", "min_value": 0.5, "max_value": 0.75, "axis": 1},
    "non_neg": "non_neg",
    "unit_norm": {"kind": "unit_norm"},
}


@pytest.mark.parametrize(
    "mode", ["eager", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("graph", "xla"))]
)
def test_a_constraint_holds_after_every_step_of_the_optimizer(mode: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 3))
    for kind, rule in CONSTRAINTS.items():
        layer = layer_of(MAPS, constraints={"kernel": rule, "recurrent": rule})
        model = keras.Sequential([layer])
        model.compile("sgd", "mse", run_eagerly=mode == "eager", jit_compile=mode == "xla")
        model.fit(x, np.ones((4, 4)), epochs=2, verbose=0)
        for name, weight in layer.named_weights.items():
            value = weight.numpy()
            if name.endswith("bias"):
                continue
            if kind == "non_neg":
                assert value.min() >= 0 < value.max()
                continue
            axis = 0 if value.ndim == 1 else value.ndim - 2 + (kind == "min_max_norm")
            norms = np.sqrt(np.square(value).sum(axis))
            low, high = {"max_norm": (0, 0.25), "min_max_norm": (0.5, 0.75)}.get(kind, (1, 1))
            assert low - 1e-5 <= norms.min() <= norms.max() <= high + 1e-5, (kind, name)


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
    with pytest.raises(ConfigError, match="register_keras_serializable"):
        gatekit.RNN.from_config(config)
    with keras.saving.custom_object_scope({"Unregistered": Unregistered}):
        layer = gatekit.RNN.from_config(config)
    layer.build((None, None, 3))
    assert isinstance(layer.named_weights["input.x"].regularizer, Unregistered)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"regularizers": "l2"}, "regularizers"),
        ({"regularizers": {"kernl": "l2"}}, "regularizers.kernl"),
        ({"regularizers": {"forgot": {"bias": "l2"}}}, "regularizers.forgot"),
        ({"regularizers": {"forget": "l2"}}, "regularizers.forget"),
        (
            {"regularizers": {"forget": {"recurent": "l2"}}},
            "cell.gates.forget.regularizers.recurent",
        ),
        ({"regularizers": {"kernel": "l1l2"}}, "cell.regularizers.kernel"),
        (
            {"regularizers": {"kernel": {"kind": "l2", "factor": 1}}},
            "cell.regularizers.kernel.factor",
        ),
        ({"regularizers": {"kernel": {"kind": "l2", "l2": -1}}}, "cell.regularizers.kernel.l2"),
        (
            {"regularizers": {"kernel": {"kind": "l2", "l2": float("nan")}}},
            "cell.regularizers.kernel.l2",
        ),
        ({"regularizers": {"kernel": {"kind": "l2", "l2": "1"}}}, "cell.regularizers.kernel.l2"),
        ({"regularizers": {"kernel": "l1_l2"}}, "cell.regularizers.kernel"),
        ({"regularizers": {"kernel": {"l2": 1}}}, "cell.regularizers.kernel"),
        (
            {"regularizers": {"kernel": {"kind": "orthogonal", "mode": "row"}}},
            "cell.regularizers.kernel.mode",
        ),
        ({"regularizers": {"bias": "orthogonal"}}, "cell.regularizers.bias"),
        ({"constraints": {"kernel": "maxnorm"}}, "cell.constraints.kernel"),
        (
            {"constraints": {"kernel": {"kind": "non_neg", "axis": 0}}},
            "cell.constraints.kernel.axis",
        ),
        (
            {"constraints": {"kernel": {"kind": "unit_norm", "axis": 2}}},
            "cell.constraints.kernel.axis",
        ),
        ({"constraints": {"bias": {"kind": "unit_norm", "axis": 1}}}, "cell.constraints.bias"),
        (
            {"constraints": {"kernel": {"kind": "min_max_norm", "min_value": 2}}},
            "cell.constraints.kernel",
        ),
        (
            {"constraints": {"kernel": {"kind": "min_max_norm", "rate": 2}}},
            "cell.constraints.kernel.rate",
        ),
        (
            {"constraints": {"kernel": keras.constraints.MaxNorm(axis=[0, 1])}},
            "cell.constraints.kernel.axis",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(options: Any, place: str) -> None:
    with pytest.raises((CellError, ConfigError)) as caught:
        gatekit.RNN("lstm", 4, **options)
    assert str(caught.value.fault.place) == place


@pytest.mark.parametrize(
    ("rule", "fix"), [(keras.constraints.NonNeg(), "='l1'"), (3, "={'kind': 'l2', 'l2': 3}")]
)
def test_what_is_no_rule_is_refused(rule: Any, fix: str) -> None:
    with pytest.raises(ConfigError, check=at("regularizers.kernel", fix)):
        gatekit.RNN("lstm", 4, regularizers={"kernel": rule})
