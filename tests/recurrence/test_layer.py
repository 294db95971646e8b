"""The Keras layer: what it returns, its states, and its place in models."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, Gate, GatekitError, OutputUnit, ops
from gatekit.registry import catalogue

from .cells import BUNDLED, LSTM_GATES, ODD
from .layers import (
    BATCH,
    FEATURES,
    HOLES,
    MASKS,
    SUFFIX,
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
    made = layer(cell, return_state=True, output_unit="mix_last")
    assert made.state_names == (*STATES[cell], "h_history")
    found = made(inputs_for(made), mask=HOLES)
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
    made = layer(
        "lstm",
        output_unit={"kind": "projection", "units": 5}
        if output_unit == "projection"
        else output_unit,
        return_sequences=return_sequences,
        return_state=return_state,
    )
    x = inputs_for(made)
    found, announced = made(x), made.compute_output_shape(x.shape)
    symbolic = made(keras.Input((TIME, FEATURES), BATCH))
    if not return_state:
        found, announced, symbolic = [found], [announced], [symbolic]
    assert [tuple(f.shape) for f in found] == [tuple(s) for s in announced]
    assert [tuple(s.shape) for s in symbolic] == [tuple(s) for s in announced]


def test_what_is_returned_last_is_the_last_of_the_sequences() -> None:
    made = layer("lstm", return_sequences=True, return_state=True)
    outputs, h, _ = made(inputs_for(made), mask=HOLES)
    np.testing.assert_array_equal(outputs[:, -1], h)


@pytest.mark.parametrize("cell", ["lstm", "power_law", "raw_input"])
def test_go_backwards_reads_from_the_end(cell: str) -> None:
    options: dict[str, Any] = {"return_sequences": True, "return_state": True}
    back, forth = layer(cell, go_backwards=True, **options), layer(cell, **options)
    x = inputs_for(back)
    found = back(x, mask=HOLES)
    expected = forth(tf.reverse(x, [1]), mask=HOLES[:, ::-1])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# --- initial states -------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["lstm", "gru", "power_law"])
def test_initial_states_as_list_and_by_name_are_one(cell: str) -> None:
    made = layer(cell)
    x, named = inputs_for(made), made.get_initial_state(BATCH)
    named.update(states_for(made))
    by_name = made(x, initial_state=named)
    in_order = made(x, initial_state=[named[n] for n in made.state_names])
    np.testing.assert_array_equal(by_name, in_order)
    assert not np.array_equal(by_name, made(x))


def test_states_that_are_not_named_start_as_usual() -> None:
    made = layer("lstm")
    x, c = inputs_for(made), states_for(made)["c"]
    found = made(x, initial_state={"c": c})
    np.testing.assert_array_equal(found, made(x, initial_state=[tf.zeros_like(c), c]))


def test_a_cell_may_say_where_a_state_starts() -> None:
    cell = {**ODD["full_gate"], "initial": {"forget": 1.0, "c": 0.5}}
    made = layer(cell)
    first = made.get_initial_state(2)
    assert np.all(first["forget"] == 1.0)
    assert np.all(first["c"] == 0.5)
    assert not np.any(first["h"])


def test_a_learned_state_is_where_a_sequence_starts() -> None:
    made = layer("lstm", learned_initial_state=["c"], return_state=True)
    learned = made.named_weights["initial.c"]
    values, gradients = computed(made, inputs_for(made), np.zeros((BATCH, TIME), bool))
    np.testing.assert_array_equal(values["c"], np.tile(learned.numpy(), (BATCH, 1)))
    assert np.all(gradients["initial.c"])


@pytest.mark.parametrize("as_mapping", [False, True])
def test_initial_states_in_a_functional_model(as_mapping: bool) -> None:
    made = layer("lstm", return_state=True)
    x = keras.Input((None, FEATURES), dtype="float64")
    states = {n: keras.Input((UNITS,), dtype="float64", name=n) for n in made.state_names}
    given: Any = states if as_mapping else list(states.values())
    model = keras.Model([x, *states.values()], made(x, initial_state=given))
    values, drawn = inputs_for(made), states_for(made)
    found = model([values, drawn["h"], drawn["c"]])
    for one, other in zip(found, made(values, initial_state=drawn), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_encoder_hands_its_states_to_a_decoder() -> None:
    encoder = layer("lstm", return_state=True)
    decoder = layer("lstm", return_sequences=True)
    source, target = (keras.Input((None, FEATURES), dtype="float64") for _ in range(2))
    _, *states = encoder(source)
    model = keras.Model([source, target], decoder(target, initial_state=states))
    x = inputs_for(encoder)
    expected = decoder(x, initial_state=encoder(x)[1:])
    np.testing.assert_array_equal(model([x, x]), expected)


# --- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("executor", ["fused", "reference"])
@pytest.mark.parametrize("cell", ["lstm", "slstm", "power_law", "raw_input", "full_gate"])
def test_chunked_is_whole(cell: str, executor: str, mask: str) -> None:
    made = layer(
        cell,
        executor=executor,
        output_unit="mix_last",
        return_sequences=True,
        return_state=True,
    )
    x, valid = inputs_for(made), MASKS[mask]
    whole, *last = made(x, mask=valid)
    parts, states = [], None
    for start, stop in ((0, 2), (2, 3), (3, 5)):
        part = None if valid is None else valid[:, start:stop]
        outputs, *states = made(x[:, start:stop], mask=part, initial_state=states)
        parts.append(outputs)
    assert_close(
        dict(zip(made.state_names, states or [], strict=True)),
        dict(zip(made.state_names, last, strict=True)),
    )
    # What a masked step emits before the first valid one of its chunk is zero in each chunk.
    shown = np.ones((BATCH, TIME), bool) if valid is None else valid
    assert_close({"y": np.concatenate(parts, 1)[shown]}, {"y": np.asarray(whole)[shown]})


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("cell", ["lstm", "power_law", "raw_input"])
def test_stateful_goes_on_where_it_ended(cell: str, mode: str) -> None:
    whole = layer(cell, output_unit="mix_last", return_sequences=True)
    x = inputs_for(whole)
    expected = np.asarray(whole(x))
    made = RNN(
        whole.spec,
        UNITS,
        output_unit="mix_last",
        return_sequences=True,
        stateful=True,
        dtype="float64",
    )
    made.build((BATCH, None, FEATURES))
    for name, variable in made.named_weights.items():
        variable.assign(whole.named_weights[name])
    call = tf.function(lambda x: made(x)) if mode == "graph" else made
    for _ in range(2):
        parts = [call(x[:, :2]), call(x[:, 2:])]
        assert_close({"y": np.concatenate(parts, 1)}, {"y": expected})
        made.reset_state()


def test_stateful_needs_the_batch_size_and_says_so() -> None:
    made = RNN("gru", 3, stateful=True)
    with pytest.raises(GatekitError, match=r"batch_shape=\(batch, time, features\)"):
        made.build((None, None, 2))


def test_stateful_in_a_sequential_model() -> None:
    made = layer("gru", dtype="float32")
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 3, FEATURES)), RNN("gru", 4, stateful=True, seed=1)]
    )
    x = np.asarray(inputs_for(made, 2, 3))
    first = model.predict(x, verbose=0)
    assert not np.array_equal(model.predict(x, verbose=0), first)
    model.layers[0].reset_state()
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)


# --- in models ------------------------------------------------------------------------------------


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_bidirectional(return_sequences: bool, merge_mode: str) -> None:
    made = layer("gru", return_sequences=return_sequences, fill=False)
    both = keras.layers.Bidirectional(made, merge_mode=merge_mode, dtype="float64")
    x = inputs_for(made)
    found = both(x, mask=tf.constant(SUFFIX))
    forward = both.forward_layer(x, mask=SUFFIX)
    backward = both.backward_layer(x, mask=SUFFIX)
    assert both.backward_layer.go_backwards
    assert len(both.trainable_weights) == 2 * len(made.named_weights)
    if return_sequences:
        backward = tf.reverse(backward, [1])
    merged = tf.concat([forward, backward], -1) if merge_mode == "concat" else forward + backward
    assert_close({"y": found}, {"y": merged})


def test_a_stack_in_a_sequential_model_learns() -> None:
    layers = [RNN("gru", 8, return_sequences=True, seed=1), RNN("peephole", 8, seed=2)]
    model = keras.Sequential([keras.Input((None, 1)), *layers, keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    x = np.random.default_rng(0).normal(size=(64, 5, 1)).astype("float32")
    history = model.fit(x, x[:, 0], epochs=15, batch_size=16, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]


def test_further_inputs_in_a_functional_model() -> None:
    made = layer("parameters", return_sequences=True)
    values = inputs_for(made)
    given = {
        n: keras.Input((None, v.shape[-1]), dtype="float64", name=n) for n, v in values.items()
    }
    model = keras.Model(given, made(given))
    np.testing.assert_array_equal(model(values), made(values))


def test_weights_are_named_after_what_they_are() -> None:
    made = layer("gru")
    assert list(made.named_weights) == [
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
    assert len(made.trainable_weights) == len(made.named_weights)


def test_a_frozen_read_is_not_trained() -> None:
    made = layer("maps")
    assert not made.named_weights["candidate.h_prev"].trainable
    assert len(made.non_trainable_weights) >= 1


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
    for executor in ("fused", "reference"):
        made = layer(
            cell,
            executor=executor,
            output_unit=_Feedback(),
            return_sequences=True,
            return_state=True,
        )
        assert made.state_names == ("y",)
        found[executor] = computed(made, inputs_for(made), MASKS[mask], states_for(made))
    assert_close(found["fused"][0], found["reference"][0])
    assert_close(found["fused"][1], found["reference"][1])

    weights = {n: v.numpy() for n, v in made.named_weights.items()}
    y = np.asarray(states_for(made)["y"])
    for step, x in enumerate(np.asarray(inputs_for(made)).transpose(1, 0, 2)):
        pre = x @ weights["new.x"] + y @ weights["new.y_prev"] + weights["new.bias"]
        h = np.tanh(pre)
        emitted = np.tanh(h @ weights["output_unit.emitted"] + weights["output_unit.bias"]) + h / 2
        valid = MASKS[mask]
        y = emitted if valid is None else np.where(valid[:, step, None], emitted, y)
    assert_close({"y": found["fused"][0]["y"]}, {"y": y})


@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru_reset_after"])
def test_the_reference_calls_each_gate_once_a_step(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = layer(cell, executor="reference")
    kinds = {type(g.gate): 0 for g in made.spec.gates}
    of_kind = {k: sum(type(g.gate) is k for g in made.spec.gates) for k in kinds}

    def counting(kind: type[Gate]) -> Any:
        original = kind.activate

        def activate(self: Gate, pre: Any) -> Any:
            kinds[kind] += 1
            return original(self, pre)

        return activate

    for kind in kinds:
        assert kind in catalogue().gates.values()
        monkeypatch.setattr(kind, "activate", counting(kind))
    made(inputs_for(made))
    assert kinds == {kind: TIME * n for kind, n in of_kind.items()}


class Doubled(Gate):
    """Twice a sigmoid."""

    factor: float = 2.0

    def activate(self, pre: Any) -> Any:
        """Return the value, batch x units."""
        return self.factor * ops.sigmoid(pre)


@pytest.mark.parametrize("executor", ["fused", "reference"])
def test_a_gate_in_the_place_of_another(executor: str) -> None:
    made = layer("lstm", gates={"input": Doubled()}, executor=executor, return_state=True)
    plain = layer("lstm", executor=executor, return_state=True)
    x = inputs_for(made, time=1)
    np.testing.assert_allclose(made(x)[2], 2 * plain(x)[2], rtol=1e-12)


def test_a_role_names_the_gate_that_is_replaced() -> None:
    made = layer("gru", gates={"forget": {"kind": "hard_sigmoid"}})
    assert {g.name: g.kind for g in made.spec.gates}["update"] == "hard_sigmoid"
    with pytest.raises(GatekitError, match="memory"):
        layer("gru", gates={"memory": "sigmoid"})


def test_units_are_a_whole_number() -> None:
    for units in (0, -1, 2.5, True, "8", None):
        with pytest.raises(GatekitError, match="a whole number from 1"):
            RNN("lstm", units)


# --- explain --------------------------------------------------------------------------------------


def test_explain_names_the_executor_and_why() -> None:
    text = layer("lstm").explain()
    assert "lstm" in text.splitlines()[0]
    assert "executor fused (auto: " in text
    assert "h_prev" in text
    assert f"{4 * UNITS} wide" in text
    assert all(gate in text for gate in LSTM_GATES)
    asked = layer("lstm", executor="reference").explain()
    assert "executor reference (executor='reference' was asked for)" in asked


def test_explain_tells_the_types() -> None:
    text = layer("gru", dtype="mixed_bfloat16").explain()
    assert "products in bfloat16, everything else in float32" in text


@pytest.mark.parametrize("cell", [*BUNDLED, *ODD])
def test_every_cell_is_explained(cell: str) -> None:
    made = layer(cell)
    assert made.choice.executor in made.explain()
    assert made.choice.reason in made.explain()
