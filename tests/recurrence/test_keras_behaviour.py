"""What Keras' suites state of its recurrent layers, stated of gatekit's: numbers and forms.

Each number is Keras' own, of a layer that starts from the same constants; no weight is copied.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, Cell

UNITS, BATCH, TIME, FEATURES = 2, 2, 4, 3
PEERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rnn": (keras.layers.SimpleRNN, {}),
    "lstm": (keras.layers.LSTM, {"unit_forget_bias": False}),
    "gru_reset_after": (keras.layers.GRU, {}),
    "gru": (keras.layers.GRU, {"reset_after": False}),
}


def _sequence(dtype: str = "float64") -> Any:
    return np.arange(BATCH * TIME * FEATURES).reshape(BATCH, TIME, FEATURES).astype(dtype)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (None, None, 5), (None, 4, 5), (3, None, 5)])
def test_shapes_are_announced_as_keras_does(shape: tuple[Any, ...], name: str) -> None:
    for sequences in (False, True):
        for state in (False, True):
            options = {"return_sequences": sequences, "return_state": state}
            ours, theirs = RNN(name, 8, **options), PEERS[name][0](8, **options)
            expected = theirs.compute_output_shape(shape)
            assert ours.compute_output_shape(shape) == expected
            called = ours(keras.Input(batch_shape=shape))
            assert keras.tree.map_structure(lambda s: s.shape, called) == expected


def test_a_single_state_may_come_without_a_list() -> None:
    rnn, x, h = RNN("gru", UNITS, seed=1), _sequence("float32"), np.ones((BATCH, UNITS), "float32")
    expected = rnn(x, initial_state=[h])
    np.testing.assert_array_equal(rnn(x, initial_state=h), expected)
    np.testing.assert_array_equal(rnn(x, initial_state=(tf.constant(h),)), expected)


def test_a_loop_of_keras_over_step_cells_is_stateful() -> None:
    x = _sequence("float32") / 24
    whole = keras.layers.RNN([Cell("lstm", 4, seed=1), Cell("gru", 3, seed=2)])
    parts = keras.layers.RNN([Cell("lstm", 4, seed=1), Cell("gru", 3, seed=2)], stateful=True)
    expected = whole(x)
    for _ in range(2):
        parts(x[:, :1])
        np.testing.assert_allclose(parts(x[:, 1:]), expected, atol=1e-6)
        for state in keras.tree.flatten(parts.states):
            state.assign(np.zeros(state.shape))


def test_a_layer_is_serialised_cloned_and_frozen() -> None:
    rnn = RNN("lstm", UNITS, name="mine", dropout=0.1, zero_output_for_mask=True)
    back = keras.layers.deserialize(keras.layers.serialize(rnn))
    assert back.get_config() == rnn.get_config()
    assert back.zero_output_for_mask
    model = keras.Sequential([keras.Input((None, FEATURES)), rnn])
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = _sequence("float32")
    np.testing.assert_array_equal(clone(x), model(x))
    assert len(rnn.trainable_weights) == 12
    rnn.trainable = False
    assert (len(rnn.trainable_weights), len(rnn.weights)) == (0, 12)
