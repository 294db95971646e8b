"""Layers are kept and come back: bitwise, by name, and with a clear word where that cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from refused import at
from seams import _saved

from gatekit import RNN, BlockLayer, Cell, GatekitError
from gatekit.registry import catalogue, cell_config

from .cells import BUNDLED, ODD, VARIED, built, spec
from .layers import FEATURES, TIME, inputs_for, layer

PLUGIN = '''
from gatekit import Gate, hookimpl, ops


class Cubed(Gate):
    """The cube of a sigmoid."""

    def activate(self, pre):
        """Return the value."""
        return ops.sigmoid(pre) ** 3


@hookimpl
def gatekit_gates():
    """Register the gate."""
    return {"cubed": Cubed}
'''


def _model(rnn: RNN) -> keras.Model:
    given = {
        name: keras.Input((None, width), dtype="float32", name=name)
        for name, width in rnn.cell.inputs.items()
    }
    arguments: Any = given if len(given) > 1 else given["x"]
    return keras.Model(arguments, rnn(arguments))


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("cell", "output_unit"),
    [
        *(
            pytest.param(c, "hidden", marks=() if index < 10 else pytest.mark.slow)
            for index, c in enumerate(VARIED)
        ),
        ("lstm", "mix_last"),
        ("power_law", "gated"),
    ],
)
def test_a_saved_model_comes_back_bitwise(cell: str, output_unit: str, tmp_path: Path) -> None:
    rnn = layer(cell, output_unit=output_unit, dtype="float32", return_sequences=True)
    model = _model(rnn)
    model.save(tmp_path / "model.keras")
    back = keras.models.load_model(tmp_path / "model.keras")
    x = inputs_for(rnn)
    np.testing.assert_array_equal(back(x), model(x))
    loaded = back.layers[-1]
    assert loaded.get_config() == rnn.get_config()
    assert list(loaded.named_weights) == list(rnn.named_weights)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_loads_before_its_layers_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new process `import gatekit` registers names only: the layers need TensorFlow."""
    given = keras.Input((TIME, FEATURES))
    steps = keras.layers.RNN([Cell("lstm", 4), Cell("gru", 3)], return_sequences=True)(given)
    both = keras.layers.Bidirectional(RNN("rnn", 3, return_sequences=True))(steps)
    blocks = BlockLayer("modern", "gru", 6, return_sequences=True)(both)
    model = keras.Model(given, RNN("lstm", 2)(blocks))
    model.save(tmp_path / "model.keras")
    known = keras.saving.get_custom_objects()
    ours = [name for name in known if name.startswith("gatekit>")]
    assert sorted(ours) == sorted(f"gatekit>{name}" for name in _saved.SAVED)
    for name in ours:
        monkeypatch.delitem(known, name)
    _saved.register()
    assert all(isinstance(known[name], _saved.Later) for name in ours)
    back = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, TIME, FEATURES)).astype("float32")
    np.testing.assert_array_equal(back(x), model(x))


def test_everything_that_is_set_comes_back(tmp_path: Path) -> None:
    rnn = layer(
        "lstm",
        swap={"forget": {"kind": "power_law", "eps": 0.01}},
        output_unit={"kind": "projection", "units": 3},
        return_sequences=True,
        go_backwards=True,
        executor="reference",
        dropout=0.1,
        recurrent_dropout=0.2,
        zoneout={"c": 0.3},
        learned_initial_state=["h"],
        dtype="mixed_bfloat16",
        name="mine",
    )
    _model(rnn).save(tmp_path / "model.keras")
    back = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert back.get_config() == rnn.get_config()
    assert back.spec == rnn.spec
    assert (back.name, back.compute_dtype) == ("mine", "bfloat16")


@pytest.mark.one_in(6)
@pytest.mark.parametrize("cell", [*BUNDLED, *ODD])
def test_a_config_is_a_fixed_point_of_plain_data(cell: str) -> None:
    zoneout = {"h": 0.1} if "h" in {state.name for state in built(cell).states} else None
    rnn = RNN(spec(cell), 8, dtype="float64", seed=7, zoneout=zoneout)
    config = json.loads(json.dumps(rnn.get_config()))
    back = RNN.from_config(config)
    assert json.loads(json.dumps(back.get_config())) == config
    assert back.spec == rnn.spec


@pytest.mark.slow
def test_training_goes_on_from_a_saved_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, TIME, FEATURES)).astype("float32"), rng.normal(size=(16, 8))

    def fit(model: keras.Model) -> Any:
        model.fit(x, y, epochs=1, batch_size=16, verbose=0, shuffle=False)
        return model(x)

    model = _model(layer("peephole", dtype="float32"))
    model.compile(optimizer="adam", loss="mse", jit_compile=False)
    fit(model)
    model.save(tmp_path / "model.keras")
    expected = fit(model)
    actual = fit(keras.models.load_model(tmp_path / "model.keras"))
    np.testing.assert_array_equal(actual, expected)


@pytest.fixture
def variants() -> dict[str, RNN]:
    """Return an LSTM, and one whose forget gate has a projection, built with other weights."""
    plain = cell_config("lstm", catalogue())
    forget = {
        "activation": "sigmoid(pre / softplus(tau))",
        "reads": ["x", "h_prev"],
        "projections": {"tau": {"reads": ["x"]}},
    }
    owning = {**plain, "gates": {**plain["gates"], "forget": forget}}
    made = {
        "plain": RNN(plain, 4, seed=1, name="same"),
        "owning": RNN(owning, 4, seed=2, name="same"),
    }
    for one in made.values():
        one.build((None, None, FEATURES))
    return made


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize(("into", "of"), [("plain", "owning"), ("owning", "plain")])
def test_weights_go_between_variants_by_name_only(
    variants: dict[str, RNN], into: str, of: str, tmp_path: Path
) -> None:
    before = [weight.numpy() for weight in variants[into].weights]
    with pytest.raises(ValueError, match="weight"):
        variants[into].set_weights(variants[of].get_weights())
    one, other = _model(variants[of]), _model(variants[into])
    with pytest.raises(ValueError, match="weight"):
        other.set_weights(one.get_weights())
    one.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="does not hold the weights") as caught:
        other.load_weights(tmp_path / "model.weights.h5")
    extra = "forget.tau.bias, forget.tau.x"
    in_file, in_layer = (extra, "(none)") if of == "owning" else ("(none)", extra)
    assert f"only in the file are {in_file}, only in the layer {in_layer}" in str(caught.value)
    for weight, old in zip(variants[into].weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    common = variants["plain"].named_weights
    for name in common:
        variants[into].named_weights[name].assign(variants[of].named_weights[name])
        np.testing.assert_array_equal(
            variants["plain"].named_weights[name], variants["owning"].named_weights[name]
        )


def test_a_missing_plugin_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cubed_gate.py"
    path.write_text(PLUGIN)
    gates = {"forget": {"kind": "cubed"}}
    rnn = RNN("lstm", 4, swap=gates, plugins=[str(path)])
    model = keras.Sequential([keras.Input((None, 2)), rnn])
    model.save(tmp_path / "model.keras")
    with pytest.raises(
        GatekitError,
        check=at("cell.gates.forget.kind", names=("'cubed'",)),
    ):
        keras.models.load_model(tmp_path / "model.keras")


def test_with_its_plugin_named_the_layer_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "cubed_gate.py"
    path.write_text(PLUGIN)
    rnn = RNN("lstm", 4, swap={"forget": {"kind": "cubed"}}, plugins=[str(path)], seed=1)
    back = RNN.from_config({**rnn.get_config(), "plugins": [str(path)]})
    x = np.zeros((1, 2, 3), "float32")
    np.testing.assert_array_equal(back(x), rnn(x))
