"""`RNN.step`: one step after another is the whole call, in a graph and in a SavedModel, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, ConfigError, DataError

from .layers import graph, inputs_for, layer

BATCH, TIME = 3, 6
_drawn = np.random.default_rng(9)
MASK, RESETS = _drawn.random((BATCH, TIME)) < 0.7, _drawn.random((BATCH, TIME)) < 0.3
CELLS = ("lstm", "gru", "raw_input", "power_law", "qrnn", "slstm", "gla", "parameters", "zoneout")


def stepwise(rnn: RNN, x: Any, step: Any, **timed: Any) -> tuple[Any, Any]:
    """Return what the steps emit, ``batch x time x units``, and the last states."""
    states, emitted = None, []
    for t in range(TIME):
        now = {name: value[:, t] for name, value in x.items()} if isinstance(x, dict) else x[:, t]
        if states is None:
            states = rnn.get_initial_state(BATCH)
        y, states = step(now, states, **{name: value[:, t] for name, value in timed.items()})
        emitted.append(y)
    return tf.stack(emitted, 1), states


@pytest.mark.parametrize("cell", CELLS)
def test_steps_are_the_whole(cell: str) -> None:
    options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    unit = "mix_last" if cell == "gru" else "hidden"
    rnn = layer(cell, output_unit=unit, **options)
    x = inputs_for(rnn, BATCH, TIME)
    for timed in ({}, {"mask": MASK, "resets": RESETS}):
        whole, *last = rnn(x, **timed)
        found, states = stepwise(rnn, x, rnn.step, **timed)
        np.testing.assert_allclose(found, whole, atol=1e-12)
        for one, other in zip(states, last, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_in_a_graph_and_backwards() -> None:
    rnn = layer("lstm", return_sequences=True, go_backwards=True)
    x = inputs_for(rnn, BATCH, TIME)
    found, _ = stepwise(rnn, x[:, ::-1], graph(rnn.step))
    np.testing.assert_allclose(found, rnn(x), atol=1e-12)


def test_states_come_back_in_the_form_in_which_they_came() -> None:
    rnn = layer("lstm", stateful=False)
    x = inputs_for(rnn, BATCH, 1)[:, 0]
    y, by_name = rnn.step(x)
    other, in_order = rnn.step(x, rnn.get_initial_state(BATCH))
    np.testing.assert_array_equal(y, other)
    assert list(by_name) == list(rnn.state_names)
    for one, value in zip(in_order, by_name.values(), strict=True):
        np.testing.assert_array_equal(one, value)
    y, _ = rnn.step(x, {"c": by_name["c"]})
    assert not np.array_equal(y, other)


def test_what_is_no_step_is_refused() -> None:
    made = layer("lstm")
    x = inputs_for(made, BATCH, TIME)
    with pytest.raises(DataError, match="batch x features"):
        made.step(x)
    with pytest.raises(DataError, match="batch is expected"):
        made.step(x[:, 0], resets=RESETS)
    with pytest.raises(ConfigError, match="not built yet"):
        RNN("lstm", 4).step(x[:, 0])


@pytest.mark.parametrize("cell", [pytest.param("qrnn", marks=pytest.mark.slow), "power_law"])
def test_it_is_a_signature_of_its_own(cell: str, tmp_path: Path) -> None:
    rnn = layer(cell, return_sequences=True, dtype="float32")
    rnn.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served"))
    x = inputs_for(rnn, BATCH, TIME)
    whole = rnn(x)
    np.testing.assert_allclose(served.serve(x), whole, atol=1e-6)
    states = served.signatures["start"](batch=tf.constant(BATCH))
    for t in range(TIME):
        found = served.signatures["step"](x=x[:, t], **states)
        np.testing.assert_allclose(found.pop("emitted"), whole[:, t], atol=1e-6)
        states = {f"{name}_prev": value for name, value in found.items()}
    assert set(served.signatures) == {"serve", "step", "start", "serving_default"}
