"""Keras' layers as composed cells and back: weights bitwise, outputs, options, refusals."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, GatekitError, convert

FEATURES, UNITS = 3, 5
PEERS: dict[str, Any] = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru_reset_after": keras.layers.GRU,
    "gru": lambda *sizes, **options: keras.layers.GRU(*sizes, reset_after=False, **options),
}
CLOSE = {"float32": 1e-7, "float64": 1e-12}


def drawn(layer: Any, seed: int = 0) -> Any:
    """Return a built Keras layer with random weights."""
    layer.build((None, None, FEATURES))
    rng = np.random.default_rng(seed)
    layer.set_weights([0.5 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def sequence(dtype: str = "float32", features: int = FEATURES) -> Any:
    """Return random inputs."""
    return np.random.default_rng(1).normal(size=(4, 9, features)).astype(dtype)


def assert_near(found: Any, expected: Any, tolerance: float) -> None:
    """Assert that two results differ by less than the tolerance, in root mean square."""
    difference = np.asarray(found, "float64") - np.asarray(expected, "float64")
    assert difference.size
    assert np.sqrt(np.mean(difference**2)) < tolerance
    assert np.abs(difference).max() < 5 * tolerance


def assert_bitwise(found: Any, expected: Any) -> None:
    """Assert that two lists of arrays hold the same bits."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", PEERS)
def test_there_and_back(cell: str, bias: bool, dtype: str) -> None:
    theirs = drawn(PEERS[cell](UNITS, return_sequences=True, use_bias=bias, dtype=dtype))
    ours, x = convert.from_keras(theirs), sequence(dtype)
    assert ours.spec.name == cell
    assert_near(ours(x), theirs(x), CLOSE[dtype])

    back = convert.to_keras(ours)
    assert_near(back(x), theirs(x), CLOSE[dtype])
    if cell != "gru_reset_after" or not bias:
        assert_bitwise(back.get_weights(), theirs.get_weights())
    # The two biases of a gate have become their sum, and stay it.
    again = convert.from_keras(back)
    assert set(again.named_weights) == set(ours.named_weights)
    assert_bitwise(again.get_weights(), ours.get_weights())
    assert_bitwise(convert.to_keras(again).get_weights(), back.get_weights())


def test_only_the_sum_of_two_biases_is_not_bitwise() -> None:
    theirs = drawn(keras.layers.GRU(UNITS))
    ours = convert.from_keras(theirs)
    update, reset, candidate = np.split(theirs.get_weights()[2], 3, axis=1)
    for name, expected in {
        "update.bias": update.sum(0),
        "reset.bias": reset.sum(0),
        "candidate.bias": candidate[0],
        "recurrent.bias": candidate[1],
    }.items():
        np.testing.assert_array_equal(ours.named_weights[name], expected)


def test_states_masks_and_options_come_along() -> None:
    options = {"return_sequences": True, "return_state": True, "go_backwards": True}
    theirs = drawn(keras.layers.LSTM(UNITS, name="mine", dtype="float64", **options))
    ours, x = convert.from_keras(theirs), sequence("float64")
    assert ours.name == "mine"
    mask = np.random.default_rng(2).random(x.shape[:2]) < 0.7
    first = [np.random.default_rng(k).normal(size=(len(x), UNITS)) for k in (3, 4)]
    for actual, expected in zip(
        ours(x, mask=mask, initial_state=first),
        theirs(x, mask=mask, initial_state=first),
        strict=True,
    ):
        assert_near(actual, expected, 1e-12)
    assert convert.to_keras(ours).get_config() == theirs.get_config()


@pytest.mark.parametrize("cell", PEERS)
def test_zeros_at_masked_steps_come_along(cell: str) -> None:
    theirs = drawn(
        PEERS[cell](UNITS, return_sequences=True, zero_output_for_mask=True, dtype="float64")
    )
    ours, x = convert.from_keras(theirs), sequence("float64")
    mask = np.random.default_rng(2).random(x.shape[:2]) < 0.7
    found = ours(x, mask=mask)
    assert_near(found, theirs(x, mask=tf.constant(mask)), 1e-12)
    assert not np.any(np.asarray(found)[~mask])
    assert convert.to_keras(ours).zero_output_for_mask


def test_rates_unrolling_and_precision_come_along() -> None:
    theirs = drawn(
        keras.layers.LSTM(
            UNITS, dropout=0.1, recurrent_dropout=0.2, unroll=True, seed=3, dtype="mixed_bfloat16"
        )
    )
    ours = convert.from_keras(theirs)
    assert (ours.spec.dropout, ours.spec.recurrent_dropout) == (0.1, 0.2)
    assert (ours.choice.executor, ours.compute_dtype, ours.seed) == ("unroll", "bfloat16", 3)
    assert convert.to_keras(ours).get_config() == theirs.get_config()


def test_a_stateful_layer() -> None:
    theirs = keras.layers.GRU(UNITS, stateful=True)
    theirs.build((4, None, FEATURES))
    ours, x = convert.from_keras(theirs), sequence()
    back = convert.to_keras(ours)
    for _ in range(2):
        expected = theirs(x)
        assert_near(ours(x), expected, 1e-7)
        assert_near(back(x), expected, 1e-7)


@pytest.mark.parametrize("peer", [keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN])
def test_a_bidirectional_layer(peer: Any) -> None:
    both = keras.layers.Bidirectional(
        peer(UNITS, return_sequences=True, dtype="float64"), merge_mode="sum", dtype="float64"
    )
    x, made = sequence("float64"), None
    drawn(both)
    made = convert.from_keras(both)
    assert isinstance(made.forward_layer, RNN)
    assert isinstance(made.backward_layer, RNN)
    mask = tf.constant(np.random.default_rng(2).random(x.shape[:2]) < 0.7)
    assert_near(made(x, mask=mask), both(x, mask=mask), 1e-12)
    back = convert.to_keras(made)
    assert (type(back.forward_layer), back.merge_mode) == (peer, "sum")
    assert_near(back(x), both(x), 1e-12)


def test_the_form_counts_and_not_the_names() -> None:
    gate = {"reads": ["x", "s_prev"]}
    cell = {
        "name": "renamed",
        "gates": {
            **{name: {**gate, "activation": "sigmoid(pre)"} for name in ("p", "q", "w")},
            "new": {**gate, "activation": "tanh(pre)"},
        },
        "equations": {"m": "new*q + m_prev*p", "s": "tanh(m)*w"},
        "emits": "s",
    }
    ours = RNN(cell, UNITS, seed=1, dtype="float64")
    x = sequence("float64")
    assert_near(convert.to_keras(_built(ours))(x), ours(x), 1e-12)


def _built(layer: Any) -> Any:
    layer.build((None, None, FEATURES))
    return layer


def _relu() -> Any:
    return drawn(keras.layers.LSTM(UNITS, activation="relu"))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: keras.layers.LSTM(UNITS), "is not built yet"),
        (lambda: drawn(keras.layers.ConvLSTM1D(UNITS, 1)), "but got ConvLSTM1D"),
        (
            lambda: keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(UNITS)]),
            r"model.layers\[0\]",
        ),
        (_relu, "has activation='relu'"),
        (
            lambda: drawn(keras.layers.GRU(UNITS, recurrent_activation="hard_sigmoid")),
            "has recurrent_activation='hard_sigmoid'",
        ),
    ],
)
def test_what_cannot_be_moved_from_keras_is_refused(make: Any, told: str) -> None:
    with pytest.raises(GatekitError, match=told):
        convert.from_keras(make())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: RNN("lstm", UNITS), "is not built yet"),
        (lambda: keras.layers.LSTM(UNITS), "but got LSTM"),
        (lambda: _built(RNN("peephole", UNITS)), "not those of Keras' LSTM"),
        (lambda: _built(RNN("lstm", UNITS, zoneout={"c": 0.1})), "zoneout"),
        (lambda: _built(RNN("lstm", UNITS, output_unit="memory")), "output unit"),
        (
            lambda: _built(RNN("lstm", UNITS, learned_initial_state=["c"])),
            "initial states are not zeros",
        ),
    ],
)
def test_what_cannot_be_moved_to_keras_is_refused(make: Any, told: str) -> None:
    with pytest.raises(GatekitError, match=told):
        convert.to_keras(make())
