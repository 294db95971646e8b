"""What a mask means: a masked step changes no state and repeats the last emission."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gatekit
from gatekit import convert

from .cells import CORE
from .layers import (
    ALL_MASKED_ROW,
    BATCH,
    HOLES,
    SUFFIX,
    TIME,
    computed,
    inputs_for,
    layer,
    states_for,
)
from .problems import assert_close

# One of each kind of state: plain, two, a stabiliser, counted time, the previous input.
KINDS = ("gru", "lstm", "slstm", "power_law", "raw_input")
EXECUTORS = ("stacked", "reference")


@pytest.mark.parametrize("output_unit", ["hidden", "gated", "mix_last"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_emission_repeats_the_last_valid_one_and_starts_at_zero(
    executor: str, output_unit: str
) -> None:
    rnn = layer("lstm", executor=executor, output_unit=output_unit, return_sequences=True)
    outputs = np.asarray(rnn(inputs_for(rnn), mask=HOLES, initial_state=states_for(rnn)))
    for row in range(BATCH):
        last = np.zeros(outputs.shape[-1])
        for step in range(TIME):
            if HOLES[row, step]:
                last = outputs[row, step]
                assert np.any(last)
            np.testing.assert_array_equal(outputs[row, step], last)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "output_unit", ["hidden", "memory", "projection", "gated", "glu", "mix_last"]
)
@pytest.mark.parametrize("mask", [None, SUFFIX, HOLES, ALL_MASKED_ROW])
def test_the_last_step_is_the_last_of_the_sequence(output_unit: str, mask: Any) -> None:
    options = {"output_unit": output_unit}
    whole = layer("lstm", return_sequences=True, **options)
    last = layer("lstm", return_sequences=False, **options)
    x = inputs_for(whole)
    assert_close({"y": last(x, mask=mask)}, {"y": whole(x, mask=mask)[:, -1]})


@pytest.mark.one_in(4)
@pytest.mark.parametrize("output_unit", ["hidden", "gated", "mix_last"])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("cell", KINDS)
def test_an_all_masked_row_emits_zeros_and_keeps_its_initial_state(
    cell: str, executor: str, output_unit: str
) -> None:
    rnn = layer(
        cell, executor=executor, output_unit=output_unit, return_sequences=True, return_state=True
    )
    states = states_for(rnn)
    values, gradients = computed(rnn, inputs_for(rnn), ALL_MASKED_ROW, states)
    row = 1
    assert not np.any(values["outputs"][row])
    for name, value in states.items():
        np.testing.assert_array_equal(values[name][row], value[row])
    assert not np.any(gradients["input x"][row])
    assert np.any(gradients["input x"][0])
    for name, gradient in gradients.items():
        assert np.all(np.isfinite(gradient)), name


@pytest.mark.one_in(3)
@pytest.mark.parametrize("cell", [*CORE, "power_law", "raw_input", "parameters"])
def test_what_stands_in_masked_steps_does_not_matter(cell: str) -> None:
    content = np.zeros((BATCH, TIME, 1))
    # One after another in the masked steps; nothing of one sequence reaches another.
    content[~ALL_MASKED_ROW, 0] = np.resize([np.nan, np.inf, 1e30], np.sum(~ALL_MASKED_ROW))
    rnn = layer(cell, output_unit="gated", return_sequences=True, return_state=True)
    clean = inputs_for(rnn)
    arrays = dict(clean) if isinstance(clean, dict) else {"x": clean}
    dirty = {n: tf.where(ALL_MASKED_ROW[..., None], v, content) for n, v in arrays.items()}
    values, gradients = computed(rnn, arrays, ALL_MASKED_ROW)
    found, found_gradients = computed(rnn, dirty, ALL_MASKED_ROW)
    for name, value in {**values, **gradients}.items():
        assert np.all(np.isfinite(value)), name
        np.testing.assert_array_equal({**found, **found_gradients}[name], value, err_msg=name)


def test_the_mask_is_passed_on_with_sequences_only() -> None:
    x, mask = tf.zeros([4, 5, 3], tf.float64), tf.constant(SUFFIX)
    assert layer("lstm", return_sequences=True).compute_mask(x, mask) is mask
    assert layer("lstm").compute_mask(x, mask) is None
    both = layer("lstm", return_sequences=True, return_state=True)
    assert both.compute_mask(x, mask) == [mask, None, None]
    assert both.compute_mask({"x": x}, {"x": mask})[0] is mask


@pytest.mark.parametrize("beside", ["initial_state", "resets"])
@pytest.mark.parametrize("kind", ["layer", "block", "both", "functional"])
def test_the_mask_that_x_carries_counts_beside_other_tensors(kind: str, beside: str) -> None:
    # Keras passes the mask of x on only if x is the one tensor of a call.
    embedding = keras.layers.Embedding(5, 8, mask_zero=True, dtype="float64")
    tokens = np.array([[1, 2, 0, 0], [3, 4, 1, 2]])
    x = embedding(tokens)
    made: Any = layer("gru", features=8)
    if kind == "block":
        made = gatekit.BlockLayer("modern", "gru", 8, dtype="float64", seed=1)
    if kind == "both":
        made = keras.layers.Bidirectional(made, dtype="float64")
    expected = np.asarray(made(x))
    states = made.get_initial_state(2) if kind != "both" else [tf.zeros([2, 8], tf.float64)] * 2
    more = {"initial_state": states, "resets": np.zeros(tokens.shape, bool)}[beside]
    if kind == "both" and beside == "resets":
        actual = made({"x": x, "resets": more})
    elif kind == "functional":
        given = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
        called = {"resets": given[1]}
        if beside == "initial_state":
            given, more = (given[0], keras.Input((8,), dtype="float64")), np.zeros((2, 8))
            called = {"initial_state": [given[1]]}
        actual = keras.Model(given, made(embedding(given[0]), **called))([tokens, more])
    else:
        actual = made(x, **{beside: more})
    assert_close({"y": actual}, {"y": expected})


@pytest.mark.parametrize("form", [tf.constant, np.asarray])
def test_the_mask_of_what_goes_backwards_is_in_the_order_of_its_steps(form: Any) -> None:
    back = layer("gru", return_sequences=True, go_backwards=True)
    after, x = layer("gru", features=8), inputs_for(layer("gru"))
    y = back(x, mask=form(SUFFIX))
    np.testing.assert_array_equal(y._keras_mask, SUFFIX[:, ::-1])
    assert_close({"y": after(y)}, {"y": after(y, mask=SUFFIX[:, ::-1])})
    states = layer("gru", return_sequences=True, go_backwards=True, return_state=True)
    mask, *others = states.compute_mask(x, keras.KerasTensor((4, None), "bool"))
    assert mask.shape == (4, None)
    assert others == [None]


# --- zeros at masked steps ------------------------------------------------------------------------

RUNS = {
    "reference": ("lstm", {"executor": "reference"}),
    "stacked": ("lstm", {"executor": "stacked"}),
    "unroll": ("lstm", {"executor": "unroll"}),
    "affine": ("mingru", {"executor": "affine"}),
    "scan": ("mingru", {"executor": "scan"}),
}


@pytest.mark.parametrize(
    ("run", "mode"), [*((run, "eager") for run in RUNS), ("stacked", "graph"), ("stacked", "xla")]
)
def test_zero_output_for_mask(run: str, mode: str) -> None:
    cell, options = RUNS[run]
    options = {**options, "return_sequences": True, "return_state": True}
    plain = layer(cell, **options)
    rnn = layer(cell, zero_output_for_mask=True, **options)
    call = rnn if mode == "eager" else tf.function(rnn, jit_compile=mode == "xla")
    x = inputs_for(rnn)
    (found, *states), (expected, *others) = call(x, mask=HOLES), plain(x, mask=HOLES)
    assert_close({"y": found}, {"y": np.where(HOLES[..., None], expected, 0.0)})
    for one, other in zip(states, others, strict=True):
        assert_close({"state": one}, {"state": other})
    assert_close({"y": call(x)[0]}, {"y": plain(x)[0]})


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru_reset_after", "rnn"])
def test_zeros_at_masked_steps_are_kerass(cell: str, backwards: bool) -> None:
    rnn = layer(cell, zero_output_for_mask=True, return_sequences=True, go_backwards=backwards)
    other = convert.to_keras(rnn)
    assert other.zero_output_for_mask
    x = inputs_for(rnn)
    assert_close({"y": rnn(x, mask=HOLES)}, {"y": other(x, mask=tf.constant(HOLES))})


# --- other forms of masks -------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [*EXECUTORS, "unroll"])
def test_a_mask_may_be_given_in_several_forms(executor: str) -> None:
    rnn = layer("gru", executor=executor, return_sequences=True)
    x = inputs_for(rnn)
    expected = rnn(x, mask=HOLES)
    whole = [3 * HOLES.astype(kind) for kind in ("int32", "int64", "uint8", "int8")]
    for form in (*whole, HOLES[:, :, None], whole[0][:, :, None], HOLES.tolist()):
        np.testing.assert_array_equal(rnn(x, mask=form), expected)


@pytest.mark.parametrize("executor", ["stacked", "affine", "scan", "chunk"])
def test_a_mean_over_no_valid_step_yet_has_no_gradient(executor: str) -> None:
    """It is 0 / 0 at masked steps ahead of the first valid one, which nothing may depend on."""
    equations = {"z": "z_prev + v", "n": "n_prev + 1", "h": "z / n"}
    learned = ["z", "n"]
    if executor == "chunk":
        equations |= {"S": "S_prev + outer(v, v)", "h": "matvec(S, v) / n + z / n"}
    mean = {
        "name": "mean",
        "gates": {"v": {"kind": "linear", "reads": ["x"]}},
        "equations": equations,
        "emits": "h",
    }
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 6, 3)))
    mask = tf.constant([[False, False, True, False, True, True], [True] * 6])
    slopes = []
    for name in ("reference", executor):
        rnn = layer(mean, executor=name, return_sequences=True, learned_initial_state=learned)
        for state in learned:
            first = rnn.named_weights[f"initial.{state}"]
            first.assign(np.zeros(first.shape))
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(rnn(x, mask=mask, training=True)))
        slopes.append(tape.gradient(total, [x, *rnn.trainable_variables]))
    for actual, expected in zip(*slopes, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
