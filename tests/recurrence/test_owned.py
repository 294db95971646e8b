"""Layers whose gates own states and projections: every form of a layer, beside the reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import using

import gatekit
from gatekit import BlockLayer, Cell, ConfigError, DataError

from .cells import ODD
from .layers import HOLES, computed, inputs_for, layer, states_for
from .problems import assert_close

# A state as wide as x, a learned one, one of width 1; projections that are hoisted, read states,
# read other projections, and have norms.
SEVERAL = ODD["owns_several"]["gates"]["forget"]
SWAP = {"forget": SEVERAL}
UNITS, WIDTH, TIME = 3, 3, 4
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1]], bool)
X = np.random.default_rng(0).normal(size=(2, TIME, WIDTH))
PLUGIN = '''
from gatekit import Gate, Projection, State, hookimpl, ops


class Mine(Gate):
    """A gate with a state as wide as x, and two projections, one of x alone."""

    rate: float = 0.9
    states = {"m": State("features", first=0.25)}
    projections = {"tau": Projection("(x - m_prev)**2", first_bias=1.0), "u": Projection("x")}

    def activate(self, pre, tau, u, x, m_prev):
        """Return the value and the average of x."""
        m = self.rate * m_prev + (1 - self.rate) * x
        return ops.sigmoid(pre / ops.softplus(tau) + u), {"m": m}


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"mine": Mine}
'''


def rnn(cell: Any = "lstm", **options: Any) -> gatekit.RNN:
    """Return a layer with the gate in it, which returns all there is."""
    every = {"return_sequences": True, "return_state": True, "swap": SWAP, **options}
    return gatekit.RNN(cell, UNITS, **{"seed": 1, "dtype": "float64", **every})


def block(name: str, **options: Any) -> BlockLayer:
    """Return a block around such a layer."""
    every = {"return_sequences": True, "swap": SWAP, "seed": 1, "dtype": "float64", **options}
    return BlockLayer(name, "lstm", WIDTH, **every)


def stack(executor: str) -> Any:
    """Return two layers, one upon the other."""
    first = rnn("lstm", executor=executor, return_state=False)
    other = rnn("gru", executor=executor, return_state=False, go_backwards=True)
    model = keras.Sequential([first, other])
    model.supports_masking = True
    return model


def both(executor: str) -> Any:
    """Return a layer that reads time in both directions."""
    made = rnn(executor=executor, return_state=False)
    return keras.layers.Bidirectional(made, dtype="float64")


FORMS: Mapping[str, Any] = {
    "stack": stack,
    "bidirectional": both,
    "modern": lambda executor: block("modern", executor=executor, return_state=True),
    "griffin": lambda executor: block("griffin", executor=executor, bidirectional=True),
    "mamba": lambda executor: block("mamba", executor=executor),
}


@pytest.mark.parametrize("form", FORMS)
def test_values_and_gradients_are_those_of_the_reference(form: str) -> None:
    found = []
    for executor in ("reference", "stacked"):
        made = FORMS[form](executor)
        made.build(X.shape)
        for index, weight in enumerate(made.trainable_variables):
            weight.assign(np.random.default_rng(index).normal(size=weight.shape) / 2)
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = tf.nest.flatten(made(x, mask=tf.constant(MASK)))
            total = sum(tf.reduce_sum(tf.sin(value)) for value in values)
        gradients = tape.gradient(total, [x, *made.trainable_variables])
        found.append({str(place): v for place, v in enumerate([*values, *gradients])})
    assert_close(found[1], found[0])
    assert all(np.any(value) for value in found[0].values())


@pytest.mark.parametrize("cell", ["owns_several", "owns_layers"])
def test_all_noise_and_learned_first_values(cell: str) -> None:
    found = []
    learned = {"owns_several": ["c", "forget.m"]}.get(cell, ["h"])
    for executor in ("reference", "stacked"):
        made = layer(
            cell,
            units=UNITS,
            return_sequences=True,
            return_state=True,
            dropout=0.2,
            recurrent_dropout=0.3,
            zoneout={"h": 0.3},
            learned_initial_state=learned,
            executor=executor,
        )
        found.append(computed(made, inputs_for(made), HOLES, states_for(made), training=True))
    assert_close(found[1][0], found[0][0])
    assert_close(found[1][1], found[0][1])
    assert all(np.any(found[0][1][f"initial.{name}"]) for name in learned)


def test_a_variant_shares_the_weights_and_the_noise_of_its_baseline() -> None:
    # All new matrices and biases are zero: what is added to the forget gate is zero, too.
    more = {
        "activation": "sigmoid(pre + u)",
        "projections": {
            "u": {"reads": ["tanh(x - m_prev)", "h_prev"], "initializer": "zeros", "bias": False}
        },
        "states": {"m": {"width": "features", "update": "0.9*m_prev + 0.1*x"}},
    }
    noise = {"dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": {"h": 0.3, "c": 0.2}}
    plain, made = (
        gatekit.RNN("lstm", UNITS, seed=5, return_sequences=True, swap=swap, **noise)
        for swap in (None, {"forget": more})
    )
    np.testing.assert_array_equal(made(X, training=True), plain(X, training=True))
    for name, weight in plain.named_weights.items():
        np.testing.assert_array_equal(made.named_weights[name], weight)


def test_first_values_by_name_and_in_order() -> None:
    made = rnn()
    made.build(X.shape)
    assert made.state_names == ("h", "c", "forget.m", "forget.v", "forget.s")
    given = {name: tf.random.normal(s.shape, dtype=s.dtype) for name, s in _first(made).items()}
    by_name, in_order = (made(X, initial_state=g) for g in (given, list(given.values())))
    one, usual = (made(X, initial_state={"forget.m": given["forget.m"]}), made(X))
    np.testing.assert_array_equal(by_name[0], in_order[0])
    assert not np.allclose(by_name[0], one[0])
    assert not np.allclose(one[0], usual[0])
    with pytest.raises(DataError, match=r"forget.mm"):
        made(X, initial_state={"forget.mm": given["forget.m"]})


def _first(made: Any) -> dict[str, Any]:
    return dict(zip(made.state_names, made.get_initial_state(len(X)), strict=True))


# Keras copies the variables of its own cells in a way that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_gate_in_a_file_is_put_in_by_name_and_comes_back_from_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    with using([str(path)]):
        swap = {"forget": {"kind": "mine", "projections": {"tau": {"first_bias": 0.5}}}}
        made = rnn("gru", swap=swap, dtype="float32", return_state=False)
        blocks = BlockLayer("modern", "lstm", 4, swap=swap, return_sequences=True, seed=2)
        over = keras.layers.RNN(Cell("lstm", 2, swap=swap, features=UNITS, seed=3))
        model = keras.Sequential([keras.Input((TIME, WIDTH)), made, blocks, over])
        assert np.all(made.named_weights["update.tau.bias"].numpy() == 0.5)
        model.save(tmp_path / "model.keras")
        model.save_weights(tmp_path / "model.weights.h5")
        back = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(back(X), model(X))
        assert back.layers[0].get_config() == made.get_config()
        for weight in back.weights:
            weight.assign(tf.zeros_like(weight))
        back.load_weights(tmp_path / "model.weights.h5")
        np.testing.assert_array_equal(back(X), model(X))


WIDE = {
    "name": "wide",
    "gates": {"g": {"kind": "tanh", "reads": ["x", "m"]}},
    "equations": {"m": "0.9*m_prev + 0.1*x", "h": "g"},
    "emits": "h",
}


@pytest.mark.parametrize("cell", ["owns_temperature", "owns_several", WIDE])
def test_a_step_in_a_loop_of_keras_knows_the_width_of_x(cell: Any) -> None:
    whole = layer(cell, units=UNITS, return_state=True)
    step_cell = Cell(whole.spec, UNITS, features=WIDTH, dtype="float64")
    over = keras.layers.RNN(step_cell, return_state=True, dtype="float64")
    over.build(X.shape)
    step_cell.set_weights(whole.get_weights())
    for one, other in zip(over(tf.constant(X)), whole(X), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    with pytest.raises(ConfigError, match="depend on the width of its input"):
        keras.layers.RNN(Cell(whole.spec, UNITS))
