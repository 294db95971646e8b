"""What Keras' suites state of its recurrent layers, stated of gatekit's: numbers and forms.

Each number is Keras' own, of a layer that starts from the same constants; no weight is copied.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, Cell

from .problems import assert_close

UNITS, BATCH, TIME, FEATURES = 2, 2, 4, 3
# Fractions that every type holds exactly.
STARTS = {"kernel": 1 / 64, "recurrent": 1 / 32, "bias": 3 / 64}
PEERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "rnn": (keras.layers.SimpleRNN, {}),
    "lstm": (keras.layers.LSTM, {"unit_forget_bias": False}),
    "gru_reset_after": (keras.layers.GRU, {}),
    "gru": (keras.layers.GRU, {"reset_after": False}),
}
MASK = np.array([[True, True, False, True], [True, False, False, True]])
CASES: dict[str, dict[str, Any]] = {
    "last": {},
    "sequences": {"return_sequences": True},
    "states": {"return_state": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "masked": {"mask": MASK},
    "masked_sequences": {"mask": MASK, "return_sequences": True, "return_state": True},
    "zeros": {"mask": MASK, "return_sequences": True, "zero_output_for_mask": True},
    "started": {"started": True, "return_state": True},
    "stateful": {"stateful": True, "return_state": True},
}


def _constant(value: float) -> dict[str, Any]:
    return {"kind": "constant", "value": value}


def _cell(name: str) -> dict[str, Any]:
    """Return a bundled cell whose weights all start at constants, as Keras' below."""
    starts = {key: _constant(value) for key, value in STARTS.items()}
    cell: dict[str, Any] = {"defaults": [name], "initializers": starts}
    if name == "lstm":
        cell["gates"] = {"forget": {"initializers": {"bias": starts["bias"]}}}
    if name == "gru_reset_after":
        # Keras has a second bias for each gate that sums its products; it starts at 0.03, too.
        both = {"bias": _constant(2 * STARTS["bias"])}
        cell["gates"] = {"update": {"initializers": both}, "reset": {"initializers": both}}
    return cell


def _peer(name: str, **options: Any) -> Any:
    kind, own = PEERS[name]
    starts = {
        f"{key}_initializer": keras.initializers.Constant(value) for key, value in STARTS.items()
    }
    return kind(UNITS, **starts, **own, **options)


def _sequence(dtype: str = "float64") -> Any:
    return np.arange(BATCH * TIME * FEATURES).reshape(BATCH, TIME, FEATURES).astype(dtype)


def _flat(values: Any) -> dict[str, Any]:
    return {str(index): value for index, value in enumerate(keras.tree.flatten(values))}


def _each_with(others: Sequence[Any], cases: Iterable[Any]) -> list[Any]:
    """Return every case for every peer, each with one of the others in turn."""
    pairs = itertools.product(PEERS, cases)
    return [(name, case, others[k % len(others)]) for k, (name, case) in enumerate(pairs)]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("name", "case", "executor"), _each_with(["reference", "stacked", "stacked", "unroll"], CASES)
)
def test_numbers(name: str, case: str, executor: str) -> None:
    options = dict(CASES[case])
    mask, started = options.pop("mask", None), options.pop("started", False)
    ours = RNN(_cell(name), UNITS, executor=executor, dtype="float64", **options)
    theirs = _peer(name, dtype="float64", **options)
    x = _sequence()
    given = [np.full((BATCH, UNITS), 0.1 * (k + 1)) for k in range(len(ours.state_names))]
    state = given if started else None
    for _ in range(2 if ours.stateful else 1):
        actual = ours(x, mask=mask, initial_state=state)
        expected = theirs(x, mask=None if mask is None else tf.constant(mask), initial_state=state)
        assert_close(_flat(actual), _flat(expected))
    if ours.stateful:
        ours.reset_state()
        theirs.reset_state()
        assert_close(_flat(ours(x)), _flat(theirs(x)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("name", "options", "merge"),
    _each_with(
        ["concat", "sum", "mul", "ave", None],
        [{}, {"return_sequences": True}, {"return_state": True}],
    ),
)
def test_numbers_in_both_directions(name: str, options: Any, merge: Any) -> None:
    x, mask = _sequence(), tf.constant(MASK)
    actual, expected = (
        keras.layers.Bidirectional(one, merge_mode=merge, dtype="float64")
        for one in (
            RNN(_cell(name), UNITS, dtype="float64", **options),
            _peer(name, dtype="float64", **options),
        )
    )
    assert_close(_flat(actual(x)), _flat(expected(x)))
    assert_close(_flat(actual(x, mask=mask)), _flat(expected(x, mask=mask)))
    assert actual.compute_output_shape(x.shape) == expected.compute_output_shape(x.shape)


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


def test_a_layer_shows_what_it_is() -> None:
    rnn = RNN("peephole", 8, name="mine")
    assert repr(rnn) == "<RNN name=mine, cell=peephole, units=8, built=False>"
    rnn.build((None, None, FEATURES))
    assert repr(rnn) == "<RNN name=mine, cell=peephole, units=8, built=True>"
