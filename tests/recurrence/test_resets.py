"""Resets cut a sequence: a layer computes what it computes of the pieces, gradients included."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import layout

from gatekit import RNN, DataError

from .affine_cells import AFFINE
from .chunk_cells import OWN
from .cuts import compared, plain
from .layers import graph, inputs_for, layer, states_for
from .problems import assert_close

BATCH, TIME = 4, 9
_drawn = np.random.default_rng(5)
RESETS = _drawn.random((BATCH, TIME)) < 0.3
RESETS[0], RESETS[1, 0], RESETS[2, -1] = False, True, True
MASK = _drawn.random((BATCH, TIME)) < 0.7
MASK[2, -1] = False

# Cells that differ most in what a reset touches, with the executors that have code for it.
FEW = [
    ("lstm", "reference"),
    ("lstm", "stacked"),
    ("gru", "unroll"),
    ("raw_input", "stacked"),
    ("power_law", "stacked"),
    ("chain", "affine"),
    ("qrnn", "scan"),
    ("gla", "chunk"),
    ("mlstm", "chunk"),
]
MANY = [
    *(
        (cell, "stacked")
        for cell in (
            *("cifg", "gru", "gru_reset_after", "janet", "mgu", "on_lstm", "peephole", "rhn"),
            *("rnn", "slstm", "tutorial", "ur_lstm", "phased_lstm", "clockwork_rnn", "mingru"),
            *(
                "full_gate",
                "norm_sum_group",
                "norm_gru",
                "owns_several",
                "two_levels",
                "zoneout",
                "maps",
                "parameters",
            ),
        )
    ),
    ("min_lstm", "affine"),
    ("lru", "affine"),
    ("t_gru", "scan"),
    ("oscillator", "scan"),
    ("owns_mean_of_x", "scan"),
    ("owns_mean", "chunk"),
    *((cell, "chunk") for cell in ("delta_net", "gated_delta_net", "rwkv7", "gla")),
    *((cell, "chunk") for cell in ("two_reads", "two_terms")),
]


def made_of(cell: str, executor: str, **options: Any) -> RNN:
    """Return a layer that returns all there is, and learns the initial value of its states."""
    named = {**AFFINE, **OWN}.get(cell, cell)
    every = {"return_sequences": True, "return_state": True, "executor": executor, **options}
    cell_states = layer(named, fill=False).cell.states
    learned = [s.name for s in cell_states if s.name not in ("m", "n") and "." not in s.name]
    return layer(named, learned_initial_state=learned, **every)


_made = functools.cache(made_of)


def check(rnn: RNN, mask: Any = None, resets: Any = RESETS, **given: Any) -> None:
    """Assert that resets are cuts, from given states too."""
    x, states = inputs_for(rnn, *resets.shape), states_for(rnn, len(resets))
    actual = compared(rnn, x, resets, mask, states, by_cuts=False)
    expected = compared(plain(rnn), x, resets, mask, states, by_cuts=True)
    assert_close(actual[0], expected[0], **given)
    assert_close(actual[1], expected[1], **given)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("cell", "executor"), FEW)
def test_a_reset_is_a_cut(cell: str, executor: str) -> None:
    check(_made(cell, executor), MASK)


# Each cell with a mask and without, forward and backward; each pair of these for half of the cells.
TURNS = [
    (cell, executor, back, back != bool(index % 2))
    for index, (cell, executor) in enumerate((*FEW, *MANY))
    for back in (False, True)
]


@pytest.mark.slow
@pytest.mark.one_in(1, slow=7)
@pytest.mark.parametrize(("cell", "executor", "back", "masked"), TURNS)
def test_a_reset_is_a_cut_for_many_cells(
    cell: str, executor: str, back: bool, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "LARGEST", 8)
    rnn = made_of(cell, executor, go_backwards=back)
    check(rnn, MASK if masked else None, tolerance=2e-12)


@pytest.mark.parametrize(("cell", "executor"), [("gru", "stacked"), ("raw_input", "reference")])
def test_backwards_in_time_it_acts_ahead_of_the_step(cell: str, executor: str) -> None:
    check(made_of(cell, executor, go_backwards=True), MASK)


def test_a_history_of_the_output_unit_starts_anew() -> None:
    check(made_of("lstm", "stacked", output_unit="mix_last"), MASK)
    check(made_of("lstm", "stacked", output_unit="mix_last"))


@pytest.mark.parametrize("executor", ["stacked", "unroll"])
def test_draws_keep_their_places(executor: str) -> None:
    """With zoneout and dropout the executors agree with the reference, as without resets."""
    actual, expected = (
        _noisy(made_of("lstm", e, zoneout={"c": 0.3}, recurrent_dropout=0.2))
        for e in (executor, "reference")
    )
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def _noisy(rnn: RNN) -> list[Any]:
    x = inputs_for(rnn, BATCH, TIME)
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = rnn(x, mask=MASK, resets=RESETS, training=True)
        total = tf.add_n([tf.reduce_sum(tf.sin(value)) for value in values])
    weights = [v.value for v in rnn.named_weights.values()]
    return [*values, *tape.gradient(total, [x, *weights])]


@pytest.mark.parametrize(("cell", "executor"), [("lstm", "stacked"), ("mingru", "scan")])
def test_lengths_may_be_known_only_when_a_graph_runs(cell: str, executor: str) -> None:
    rnn = made_of(cell, executor)

    def run(x: Any, resets: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = rnn(x, resets=resets, mask=mask)
            total = tf.add_n([tf.reduce_sum(tf.sin(value)) for value in values])
        return [*values, tape.gradient(total, x)]

    timed = tf.TensorSpec([None, None], tf.bool)
    spec = [tf.TensorSpec([None, None, 3], tf.float64), timed, timed]
    dynamic = graph(run, input_signature=spec)
    for time in (TIME, 1):
        x, resets, mask = inputs_for(rnn, BATCH, time), RESETS[:, :time], MASK[:, :time]
        expected = run(x, tf.constant(resets), tf.constant(mask))
        for one, other in zip(dynamic(x, resets, mask), expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("executor", ["affine", "scan"])
def test_infinities_of_one_sequence_do_not_reach_the_next(executor: str) -> None:
    rnn = made_of("mingru", executor)
    x = np.array(inputs_for(rnn, 1, 6))
    spoilt = x.copy()
    spoilt[0, 1] = np.nan
    resets = np.array([[False, False, False, True, False, False]])
    found, clean = (rnn(v, resets=resets)[0].numpy() for v in (spoilt, x))
    assert np.isnan(found[0, 2]).any()
    np.testing.assert_array_equal(found[0, 3:], clean[0, 3:])


def test_keras_models_take_resets_as_an_input() -> None:
    rnn = layer("lstm", return_sequences=True, dtype="float32")
    x, resets = inputs_for(rnn, BATCH, TIME), tf.constant(RESETS)
    expected = rnn(x, resets=resets).numpy()
    given = keras.Input((None, 3)), keras.Input((None,), dtype="bool")
    model = keras.Model(given, rnn(given[0], resets=given[1]))
    np.testing.assert_array_equal(model([x, resets]), expected)
    masked = tf.where(MASK[..., None], x, 0.0)
    hidden = keras.Model(given, rnn(keras.layers.Masking()(given[0]), resets=given[1]))
    np.testing.assert_array_equal(hidden([masked, resets]), rnn(masked, mask=MASK, resets=resets))


def test_a_bidirectional_layer_takes_them_among_its_inputs() -> None:
    both = keras.layers.Bidirectional(layer("lstm", return_sequences=True), dtype="float64")
    x = inputs_for(layer("lstm"), BATCH, TIME)
    found = both({"x": x, "resets": tf.constant(RESETS)}, mask=tf.constant(MASK))
    forward = both.forward_layer(x, resets=RESETS, mask=MASK)
    backward = both.backward_layer(x, resets=RESETS, mask=MASK)[:, ::-1]
    np.testing.assert_array_equal(found, tf.concat([forward, backward], -1))


def test_a_stateful_layer_is_reset_within_its_stream() -> None:
    rnn = layer("lstm", return_sequences=True)
    kept = RNN.from_config({**rnn.get_config(), "stateful": True})
    kept.build((BATCH, None, 3))
    kept.set_weights(rnn.get_weights())
    x = inputs_for(rnn, BATCH, TIME)
    parts = [kept(x[:, :4], resets=RESETS[:, :4]), kept(x[:, 4:], resets=RESETS[:, 4:])]
    np.testing.assert_allclose(tf.concat(parts, 1), rnn(x, resets=RESETS), atol=1e-12)


def test_integers_are_taken_and_twice_is_refused() -> None:
    made = layer("lstm")
    x = inputs_for(made, BATCH, TIME)
    found = made(x, resets=RESETS.astype("int32"))
    np.testing.assert_array_equal(found, made({"x": x, "resets": RESETS}))
    with pytest.raises(DataError, match="are given twice"):
        made({"x": x, "resets": RESETS}, resets=RESETS)
