"""What Keras' suites state of recurrent layers within models, stated of gatekit's."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest

from gatekit import RNN, Cell

RNG = np.random.default_rng(14)
X = RNG.normal(size=(2, 4, 3)).astype("float32")


def _close(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-6)


def test_a_layer_that_two_inputs_share_has_one_set_of_weights() -> None:
    shared = RNN("gru", 2, seed=1)
    long, short = keras.Input((None, 3)), keras.Input((2, 3))
    model = keras.Model([long, short], keras.layers.subtract([shared(long), shared(short)]))
    assert len(model.trainable_variables) == len(shared.trainable_variables)
    difference = model([X, X[:, -2:]])
    _close(difference, shared(X) - shared(X[:, -2:]))
    assert np.abs(difference).max() > 0


@pytest.mark.parametrize("options", [{"unroll": True}, {"go_backwards": True}], ids=str)
def test_a_loop_of_keras_unrolled_or_backwards_is_the_layer(options: dict[str, bool]) -> None:
    mask = np.array([[True, True, False, True], [True, False, False, True]])
    loop = keras.layers.RNN(Cell("lstm", 2, seed=5), return_sequences=True, **options)
    loop.build(X.shape)
    kept = {key: value for key, value in options.items() if key != "unroll"}
    layer = RNN("lstm", 2, return_sequences=True, **kept)
    layer.build(X.shape)
    layer.set_weights(loop.get_weights())
    _close(loop(X, mask=mask), layer(X, mask=mask))


def test_states_come_in_the_order_of_keras() -> None:
    layer, peer = RNN("lstm", 2, return_state=True, seed=1), keras.layers.LSTM(2, return_state=True)
    for each in (layer, peer):
        last, hidden, memory = each(X)
        np.testing.assert_array_equal(hidden, last)
        assert np.abs(np.subtract(memory, last)).max() > 0
    assert layer.state_names == ("h", "c")


def test_a_summary_tells_layers_of_different_cells_apart() -> None:
    cells = ("lstm", "gru", "rnn", "lstm")
    layers = [RNN(cell, 3, return_sequences=True) for cell in cells]
    model = keras.Sequential([keras.Input((None, 2)), *layers, RNN("gru", 3, name="mine")])
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    shown = "\n".join(lines)
    for layer, cell in zip(layers, cells, strict=True):
        assert re.fullmatch(rf"{cell}(_\d+)?", layer.name)
        assert f"{layer.name} (RNN)" in shown
    assert len({layer.name for layer in layers}) == len(layers)
    assert "mine (RNN)" in shown
    assert RNN.from_config(layers[0].get_config()).name == layers[0].name
