"""The layer's states: where they start, and how they go on from chunk to chunk."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, GatekitError

from .cells import ODD
from .layers import (
    BATCH,
    FEATURES,
    TIME,
    UNITS,
    inputs_for,
    layer,
    states_for,
)
from .problems import assert_close

# --- initial states -------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "power_law"])
def test_initial_states_as_list_and_by_name_are_one(cell: str) -> None:
    rnn = layer(cell)
    x, named = inputs_for(rnn), rnn.initial_states(BATCH)
    named.update(states_for(rnn))
    by_name = rnn(x, initial_state=named)
    in_order = rnn(x, initial_state=[named[n] for n in rnn.state_names])
    np.testing.assert_array_equal(by_name, in_order)
    assert not np.array_equal(by_name, rnn(x))


def test_a_cell_may_say_where_a_state_starts() -> None:
    cell = {**ODD["full_gate"], "initial": {"forget": 1.0, "c": 0.5}}
    rnn = layer(cell)
    first = rnn.initial_states(2)
    assert np.all(first["forget"] == 1.0)
    assert np.all(first["c"] == 0.5)
    assert not np.any(first["h"])


@pytest.mark.parametrize("as_mapping", [False, True])
def test_initial_states_in_a_functional_model(as_mapping: bool) -> None:
    rnn = layer("lstm", return_state=True)
    x = keras.Input((None, FEATURES), dtype="float64")
    states = {n: keras.Input((UNITS,), dtype="float64", name=n) for n in rnn.state_names}
    given: Any = states if as_mapping else list(states.values())
    model = keras.Model([x, *states.values()], rnn(x, initial_state=given))
    values, drawn = inputs_for(rnn), states_for(rnn)
    found = model([values, drawn["h"], drawn["c"]])
    for one, other in zip(found, rnn(values, initial_state=drawn), strict=True):
        np.testing.assert_array_equal(one, other)


def test_first_states_before_the_layer_is_built() -> None:
    rnn = RNN("slstm", 4, dtype="float64")
    first = rnn.get_initial_state(batch_size=3)
    assert [(tuple(s.shape), s.dtype) for s in first] == [((3, 4), tf.float64)] * 4
    assert tuple(rnn.initial_states(3)) == rnn.state_names == ("h", "m", "c", "n")
    rnn.build((None, None, FEATURES))
    for before, after in zip(first, rnn.get_initial_state(3), strict=True):
        np.testing.assert_array_equal(before, after)
    x = np.ones((3, TIME, FEATURES))
    np.testing.assert_array_equal(rnn(x, initial_state=first), rnn(x))


def test_first_states_that_need_the_built_layer_are_refused_before() -> None:
    with pytest.raises(GatekitError, match="depend on the width of its input"):
        RNN("qrnn", 4).get_initial_state(2)
    with pytest.raises(GatekitError, match="learns its initial states"):
        RNN("lstm", 4, learned_initial_state=["c"]).get_initial_state(2)


# --- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("cell", ["lstm", "power_law", "raw_input"])
def test_stateful_goes_on_where_it_ended(cell: str, mode: str) -> None:
    whole = layer(cell, output_unit="mix_last", return_sequences=True)
    x = inputs_for(whole)
    expected = np.asarray(whole(x))
    rnn = RNN(
        whole.spec,
        UNITS,
        output_unit="mix_last",
        return_sequences=True,
        stateful=True,
        dtype="float64",
    )
    rnn.build((BATCH, None, FEATURES))
    for name, variable in rnn.named_weights.items():
        variable.assign(whole.named_weights[name])
    call = tf.function(lambda x: rnn(x)) if mode == "graph" else rnn
    for _ in range(2):
        parts = [call(x[:, :2]), call(x[:, 2:])]
        assert_close({"y": np.concatenate(parts, 1)}, {"y": expected})
        rnn.reset_state()
