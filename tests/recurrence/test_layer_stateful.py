"""Stateful layers, and batches whose size only the states know, on every executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, DataError

from .layers import BATCH, FEATURES, HOLES, TIME, UNITS, computed, inputs_for, layer, states_for
from .problems import assert_close

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "reference": ("lstm", {"executor": "reference"}),
    "stacked": ("lstm", {"executor": "stacked"}),
    "unroll": ("lstm", {"executor": "unroll"}),
    "affine": ("mingru", {"executor": "affine"}),
    "scan": ("mingru", {"executor": "scan"}),
}
UNKNOWN_BATCH = tf.TensorSpec([None, TIME, FEATURES], tf.float64)


def _stateful(run: str, **options: Any) -> RNN:
    """Return a stateful layer whose weights are those of `layer(cell)`."""
    cell, chosen = RUNS[run]
    plain = layer(cell, **chosen, **options)
    rnn = RNN.from_config({**plain.get_config(), "stateful": True})
    rnn.build((BATCH, None, FEATURES))
    rnn.set_weights(plain.get_weights())
    return rnn


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("run", "jit"),
    [
        *(pytest.param(r, False, id=f"{r}-graph") for r in RUNS),
        *(
            pytest.param(r, True, id=f"{r}-xla", marks=() if r == "stacked" else pytest.mark.slow)
            for r in RUNS
        ),
    ],
)
def test_states_of_known_batch_with_inputs_of_unknown_batch(run: str, jit: bool) -> None:
    cell, options = RUNS[run]
    rnn = layer(cell, return_sequences=True, return_state=True, **options)
    x, states = inputs_for(rnn), states_for(rnn)
    mask = None if jit else HOLES
    expected = computed(rnn, x, mask, states, training=True)

    @tf.function(input_signature=[UNKNOWN_BATCH], jit_compile=jit)
    def step(x: Any) -> Any:
        return computed(rnn, x, mask, states, training=True)

    for found, wanted in zip(step(x), expected, strict=True):
        assert_close(found, wanted)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("run", RUNS)
def test_a_stateful_layer_has_gradients_with_unknown_batch(run: str) -> None:
    rnn, other = _stateful(run), _stateful(run)
    x = inputs_for(rnn)

    @tf.function(input_signature=[UNKNOWN_BATCH])
    def step(x: Any) -> Any:
        return computed(rnn, x, training=True)

    for _ in range(2):
        for found, wanted in zip(step(x), computed(other, x, training=True), strict=True):
            assert_close(found, wanted)


@pytest.mark.parametrize(
    "run",
    [r if r == "stacked" else pytest.param(r, marks=pytest.mark.slow) for r in RUNS],
)
def test_a_stateful_model_is_exported_with_its_states(run: str, tmp_path: Path) -> None:
    cell, options = RUNS[run]
    rnn = RNN(cell, 4, stateful=True, seed=1, **options)
    model = keras.Sequential([keras.Input(batch_shape=(BATCH, TIME, FEATURES)), rnn])
    x = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    first = model(x)
    model.export(tmp_path, verbose=False)
    served = tf.saved_model.load(tmp_path)
    second, third = model(x), model(x)
    np.testing.assert_allclose(served.serve(x), second, atol=1e-6)
    np.testing.assert_allclose(served.serve(x), third, atol=1e-6)
    assert not np.allclose(first, second)


def test_kept_states_are_not_weights() -> None:
    small, large = (RNN("lstm", UNITS, stateful=True, seed=1) for _ in range(2))
    for made, batch in ((small, 2), (large, 5)):
        made.build((batch, None, FEATURES))
    plain = layer("lstm", dtype="float32")
    assert small.count_params() == large.count_params() == plain.count_params()
    assert len(small.weights) == len(small.named_weights) == len(plain.weights)
    assert small.non_trainable_variables == [] or all(
        "kept" not in v.name for v in small.non_trainable_variables
    )
    x = np.asarray(inputs_for(plain, 2))
    small.set_weights(plain.get_weights())
    np.testing.assert_array_equal(small(x), plain(x))
    plain.set_weights(small.get_weights())
    large.set_weights(small.get_weights())


def test_weights_go_from_a_stateless_file_into_a_stateful_model(tmp_path: Path) -> None:
    trained = keras.Sequential([keras.Input((None, FEATURES)), RNN("gru", 4, seed=1)])
    served = keras.Sequential(
        [keras.Input(batch_shape=(1, None, FEATURES)), RNN("gru", 4, stateful=True, seed=2)]
    )
    trained.save_weights(tmp_path / "one.weights.h5")
    served.load_weights(tmp_path / "one.weights.h5")
    x = np.random.default_rng(0).normal(size=(1, 6, FEATURES)).astype("float32")
    served(x[:, :4])
    np.testing.assert_allclose(served(x[:, 4:]), trained(x), atol=1e-6)
    served.save_weights(tmp_path / "other.weights.h5")
    trained.load_weights(tmp_path / "other.weights.h5")


@pytest.mark.parametrize("run", RUNS)
def test_another_batch_is_refused_with_a_remedy(run: str) -> None:
    made = _stateful(run)
    x = np.zeros((BATCH + 1, TIME, FEATURES))
    with pytest.raises(DataError, match=r"4 sequences.*batch has 5"):
        made(x)
    with pytest.raises(DataError, match="keeps the states of 4 sequences"):
        made(x, initial_state=[np.zeros((BATCH + 1, UNITS))] * len(made.state_names))
