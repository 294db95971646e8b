"""The Keras layer: what it returns, its states, and its place in models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from gatekit import RNN, OutputUnit, ops

from .layers import (
    BATCH,
    FEATURES,
    HOLES,
    MASKS,
    TIME,
    UNITS,
    computed,
    inputs_for,
    layer,
    states_for,
)
from .problems import assert_close

STATES = {
    "lstm": ("h", "c"),
    "gru": ("h",),
    "slstm": ("h", "m", "c", "n"),
    "power_law": ("h", "c", "forget.k", "t"),
    "raw_input": ("h", "x"),
    "full_gate": ("h", "forget", "output", "c"),
}


# --- what is returned -----------------------------------------------------------------------------


@pytest.mark.parametrize("cell", STATES)
def test_states_come_in_the_order_of_their_names(cell: str) -> None:
    rnn = layer(cell, return_state=True, output_unit="mix_last")
    assert rnn.state_names == (*STATES[cell], "h_history")
    found = rnn(inputs_for(rnn), mask=HOLES)
    widths = {"t": 1, "x": FEATURES}
    shapes = [(BATCH, widths.get(n, UNITS)) for n in STATES[cell]]
    assert [tuple(f.shape) for f in found] == [(BATCH, UNITS), *shapes, (BATCH, 3, UNITS)]


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize(
    "output_unit", ["hidden", {"kind": "projection", "units": 5}, "mix_last"], ids=str
)
def test_shapes_are_those_that_are_announced(
    output_unit: Any, return_sequences: bool, return_state: bool
) -> None:
    rnn = layer(
        "lstm",
        output_unit={"kind": "projection", "units": 5}
        if output_unit == "projection"
        else output_unit,
        return_sequences=return_sequences,
        return_state=return_state,
    )
    x = inputs_for(rnn)
    found, announced = rnn(x), rnn.compute_output_shape(x.shape)
    symbolic = rnn(keras.Input((TIME, FEATURES), BATCH))
    if not return_state:
        found, announced, symbolic = [found], [announced], [symbolic]
    assert [tuple(f.shape) for f in found] == [tuple(s) for s in announced]
    assert [tuple(s.shape) for s in symbolic] == [tuple(s) for s in announced]


# --- in models ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_stack_in_a_sequential_model_learns() -> None:
    layers = [RNN("gru", 8, return_sequences=True, seed=1), RNN("peephole", 8, seed=2)]
    model = keras.Sequential([keras.Input((None, 1)), *layers, keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    x = np.random.default_rng(0).normal(size=(64, 5, 1)).astype("float32")
    history = model.fit(x, x[:, 0], epochs=15, batch_size=16, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]


def test_weights_are_named_after_what_they_are() -> None:
    rnn = layer("gru")
    assert list(rnn.named_weights) == [
        "reset.x",
        "reset.h_prev",
        "reset.bias",
        "update.x",
        "update.h_prev",
        "update.bias",
        "candidate.x",
        "candidate.reset*h_prev",
        "candidate.bias",
    ]
    assert len(rnn.trainable_weights) == len(rnn.named_weights)


def test_a_frozen_read_is_not_trained() -> None:
    rnn = layer("maps")
    assert not rnn.named_weights["candidate.h_prev"].trainable
    assert len(rnn.non_trainable_weights) >= 1


# --- plugs ----------------------------------------------------------------------------------------


class _Feedback(OutputUnit):
    """Emits the emission halved, plus what it reads of it; a gate may read it one step later."""

    feeds_back = True
    reads = ("emitted",)

    def emit(self, pre: Any, emitted: Any) -> Any:
        """Return what is emitted, batch x units."""
        return ops.tanh(pre) + 0.5 * emitted


@pytest.mark.parametrize("mask", ["none", "holes"])
def test_an_output_unit_that_feeds_back(mask: str) -> None:
    cell = {
        "gates": {"new": {"kind": "tanh", "reads": ["x", "y_prev"]}},
        "equations": {"h": "new"},
        "emits": "h",
    }
    found = {}
    for executor in ("stacked", "reference"):
        rnn = layer(
            cell,
            executor=executor,
            output_unit=_Feedback(),
            return_sequences=True,
            return_state=True,
        )
        assert rnn.state_names == ("y",)
        found[executor] = computed(rnn, inputs_for(rnn), MASKS[mask], states_for(rnn))
    assert_close(found["stacked"][0], found["reference"][0])
    assert_close(found["stacked"][1], found["reference"][1])

    weights = {n: v.numpy() for n, v in rnn.named_weights.items()}
    y = np.asarray(states_for(rnn)["y"])
    for step, x in enumerate(np.asarray(inputs_for(rnn)).transpose(1, 0, 2)):
        pre = x @ weights["new.x"] + y @ weights["new.y_prev"] + weights["new.bias"]
        h = np.tanh(pre)
        emitted = np.tanh(h @ weights["output_unit.emitted"] + weights["output_unit.bias"]) + h / 2
        valid = MASKS[mask]
        y = emitted if valid is None else np.where(valid[:, step, None], emitted, y)
    assert_close({"y": found["stacked"][0]["y"]}, {"y": y})


# --- explain --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gate",
    ["hard_sigmoid", {"kind": "hard_sigmoid"}, {"activation": "hard_sigmoid(pre)"}],
    ids=["a name", "a kind", "an activation"],
)
def test_a_gate_that_is_put_in_keeps_the_settings_of_its_place(gate: Any) -> None:
    """As swap.forget=hard_sigmoid does, and as Keras' recurrent_activation keeps the bias of 1."""
    rnn = RNN("lstm", 4, swap={"forget": gate})
    rnn.build((None, None, 3))
    np.testing.assert_array_equal(rnn.named_weights["forget.bias"], np.ones(4))
    np.testing.assert_array_equal(rnn.named_weights["input.bias"], np.zeros(4))


def test_what_a_gate_that_is_put_in_says_itself_wins() -> None:
    zeros = {"kind": "hard_sigmoid", "initializers": {"bias": "zeros"}, "reads": {"x": "dense"}}
    rnn = RNN("lstm", 4, swap={"forget": zeros})
    rnn.build((None, None, 3))
    np.testing.assert_array_equal(rnn.named_weights["forget.bias"], np.zeros(4))
    assert "forget.h_prev" not in rnn.named_weights
