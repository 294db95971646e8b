"""What comes in: inputs of every kind, right and wrong."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN, ConfigError, DataError, GatekitError

from .cells import CORE
from .layers import BATCH, FEATURES, HOLES, TIME, UNITS, computed, inputs_for, layer, states_for
from .problems import assert_close

EXECUTORS = ("stacked", "reference")


def _row(number: int, *values: Any) -> Any:
    return pytest.param(*values, id=f"row{number}-{values[0]}")


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("content", [_row(37, np.nan), _row(37, np.inf)])
def test_a_bad_number_touches_its_own_row_only(content: float, executor: str) -> None:
    rnn = layer("lstm", executor=executor, return_sequences=True)
    clean = np.array(inputs_for(rnn))
    bad = clean.copy()
    bad[2, 1, 0] = content
    values, expected = np.asarray(rnn(bad)), np.asarray(rnn(clean))
    others = [0, 1, 3]
    np.testing.assert_array_equal(values[others], expected[others])
    np.testing.assert_array_equal(values[2, :1], expected[2, :1])
    assert not np.array_equal(values[2, 1:], expected[2, 1:])


def test_nan_in_masked_steps_leaves_values_and_gradients() -> None:
    rnn = layer("peephole", return_sequences=True)
    clean = inputs_for(rnn)
    values, gradients = computed(rnn, clean, HOLES)
    found, found_gradients = computed(rnn, tf.where(HOLES[..., None], clean, np.nan), HOLES)
    for name, value in {**values, **gradients}.items():
        np.testing.assert_array_equal({**found, **found_gradients}[name], value)
        assert np.all(np.isfinite(value))


def test_an_all_masked_batch_is_its_initial_state() -> None:
    rnn = layer("lstm", return_state=True)
    states = states_for(rnn)
    values, gradients = computed(rnn, inputs_for(rnn), np.zeros((BATCH, TIME), bool), states)
    assert not np.any(values["outputs"])
    np.testing.assert_array_equal(values["c"], states["c"])
    assert not np.any(gradients["input x"])
    assert not np.any(gradients["forget.h_prev"])


@pytest.mark.one_in(6)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("output_unit", ["hidden", "gated", "mix_last"])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("cell", [_row(40, c) for c in ("lstm", "slstm", "power_law", "raw_input")])
def test_no_step_gives_the_initial_state(
    cell: str, executor: str, output_unit: str, masked: bool
) -> None:
    mask = np.zeros((BATCH, 0), bool) if masked else None
    for return_sequences in (True, False):
        rnn = layer(
            cell,
            executor=executor,
            output_unit=output_unit,
            return_sequences=return_sequences,
            return_state=True,
        )
        states = {**rnn.initial_states(BATCH), **states_for(rnn)}
        values, gradients = computed(rnn, inputs_for(rnn, time=0), mask, states)
        shape = (BATCH, 0, UNITS) if return_sequences else (BATCH, UNITS)
        assert values["outputs"].shape == shape
        assert not np.any(values["outputs"])
        for name, state in states.items():
            np.testing.assert_array_equal(values[name], state)
        assert all(np.all(np.isfinite(g)) for g in gradients.values())


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize(
    ("cell", "executor", "mode"),
    [
        ("gru", "stacked", "unknown"),
        ("gru", "stacked", "xla"),
        ("mingru", "affine", "unknown"),
        *(
            pytest.param(cell, executor, "unknown", marks=pytest.mark.slow)
            for cell, executor in (*(("gru", "reference"), ("mingru", "scan"), ("gla", "chunk")),)
        ),
    ],
)
def test_no_step_where_no_size_is_known(cell: str, executor: str, mode: str) -> None:
    options: Any = {"return_sequences": True, "return_state": True, "executor": executor}
    rnn = layer(cell, output_unit="gated", **options)
    sizes = (None, None) if mode == "unknown" else (BATCH, 0)
    signature = [tf.TensorSpec([*sizes, rnn.cell.features], tf.float64)]

    @tf.function(input_signature=signature, autograph=False, jit_compile=mode == "xla")
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            trained = rnn(x, training=True)
            total = tf.add_n([tf.reduce_sum(value**2) for value in trained])
        weights = rnn.trainable_variables
        return rnn(x), trained, tape.gradient(total, [x, *weights], unconnected_gradients="zero")

    *calls, gradients = run(tf.zeros([BATCH, 0, rnn.cell.features], tf.float64))
    for outputs, *states in calls:
        assert outputs.shape == (BATCH, 0, UNITS)
        for state, first in zip(states, rnn.initial_states(BATCH).values(), strict=True):
            np.testing.assert_array_equal(state, first)
    assert not any(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("cell", [_row(41, c) for c in ("lstm", "on_lstm", "power_law")])
def test_no_row_gives_no_row(cell: str, executor: str, masked: bool) -> None:
    rnn = layer(
        cell,
        executor=executor,
        output_unit="mix_last",
        return_sequences=True,
        return_state=True,
        dropout=0.1,
        recurrent_dropout=0.1,
    )
    mask = np.zeros((0, TIME), bool) if masked else None
    values, gradients = computed(rnn, inputs_for(rnn, batch=0), mask, training=True)
    assert values["outputs"].shape == (0, TIME, UNITS)
    assert all(v.shape[0] == 0 for v in values.values())
    assert not any(np.any(g) for g in gradients.values())


def test_no_features_are_refused() -> None:
    with pytest.raises(DataError, match="features must be known and at least 1"):
        RNN("lstm", 4)(np.zeros((2, 3, 0), "float32"))


def test_a_ragged_tensor_is_refused_with_the_remedy() -> None:
    ragged = tf.ragged.constant([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], ragged_rank=1)
    made = layer("lstm", features=2, dtype="float32")
    with pytest.raises(DataError, match=r"to_tensor\(\).*sequence_mask"):
        made(ragged)


def test_the_remedy_works() -> None:
    rnn = layer("lstm", features=2, dtype="float32")
    ragged = tf.ragged.constant([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], ragged_rank=1)
    found = rnn(ragged.to_tensor(), mask=tf.sequence_mask(ragged.row_lengths()))
    alone = rnn(ragged[:1].to_tensor())
    assert_close({"y": found[:1]}, {"y": alone}, 1e-6)


@pytest.mark.parametrize("shape", [_row(44, (4, 3)), _row(44, (4, 5, 3, 1)), _row(44, (3,))])
def test_another_rank_is_refused(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, "float32")
    with pytest.raises(DataError, match="batch x time x"):
        layer("lstm", dtype="float32")(x)
    with pytest.raises(DataError, match="batch x time x features"):
        RNN("lstm", 4)(x)


def test_other_features_than_built_for_are_refused() -> None:
    with pytest.raises(DataError, match="5 features; the layer was built for 3"):
        layer("lstm", dtype="float32")(np.zeros((2, 4, 5), "float32"))


@pytest.mark.parametrize(
    "mask",
    [
        _row(45, np.ones((BATCH, TIME - 1), bool)),
        _row(45, np.ones((BATCH, TIME + 1), bool)),
        _row(45, np.ones((BATCH + 1, TIME), bool)),
        _row(45, np.ones((BATCH,), bool)),
    ],
)
def test_a_mask_of_another_shape_is_refused(mask: Any) -> None:
    made = layer("lstm")
    with pytest.raises(DataError, match=r"batch x time of the input is \(4, 5\)"):
        made(inputs_for(made), mask=mask)


def test_a_mask_of_floats_is_refused() -> None:
    made = layer("lstm")
    with pytest.raises(DataError, match=r"booleans are expected.*mask != 0"):
        made(inputs_for(made), mask=np.ones((BATCH, TIME), "float32"))


def test_a_wrong_mask_is_refused_in_a_graph_of_unknown_length() -> None:
    rnn = layer("lstm")
    specs = [
        tf.TensorSpec([None, None, FEATURES], tf.float64),
        tf.TensorSpec([None, None], tf.bool),
    ]
    call = tf.function(lambda x, mask: rnn(x, mask=mask), input_signature=specs)
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(inputs_for(rnn), np.ones((BATCH, TIME - 1), bool))


def test_a_mask_with_holes_skips_them() -> None:
    rnn = layer("lstm")
    x = inputs_for(rnn)
    for row, valid in enumerate(HOLES):
        packed = tf.boolean_mask(x[row : row + 1], valid, axis=1)
        assert_close({"y": rnn(x, mask=HOLES)[row : row + 1]}, {"y": rnn(packed)})


@pytest.mark.parametrize(
    ("states", "message"),
    [
        _row(47, [np.zeros((BATCH, UNITS))], "has 1 entries; the states are h, c"),
        _row(47, [np.zeros((BATCH, UNITS))] * 3, "has 3 entries; the states are h, c"),
        _row(47, [np.zeros((BATCH, UNITS + 1))] * 2, r"\(4, 9\)"),
        _row(47, [np.zeros((BATCH + 1, UNITS))] * 2, r"\(5, 8\)"),
        _row(47, [np.zeros((BATCH, 1, UNITS))] * 2, r"\(4, 1, 8\)"),
        _row(47, [np.zeros((BATCH, UNITS), int)] * 2, "floating point numbers are expected"),
        _row(47, {"cc": np.zeros((BATCH, UNITS))}, "there is no state 'cc'"),
    ],
)
def test_a_wrong_initial_state_is_refused(states: Any, message: str) -> None:
    made = layer("lstm")
    with pytest.raises(DataError, match=message):
        made(inputs_for(made), initial_state=states)


@pytest.mark.parametrize("kind", [_row(48, "int32"), _row(48, "int64"), _row(48, "uint8")])
def test_whole_numbers_are_cast_with_a_note(kind: str) -> None:
    made = layer("lstm", dtype="float32")
    x = np.arange(BATCH * TIME * FEATURES).reshape(BATCH, TIME, FEATURES) % 3
    with pytest.warns(UserWarning, match=f"x is {kind}; it is cast to float32"):
        found = made(x.astype(kind))
    np.testing.assert_array_equal(found, made(x.astype("float32")))


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(np.ones((BATCH, TIME, FEATURES), bool), id="bool"),
        pytest.param(np.ones((BATCH, TIME, FEATURES), "complex64"), id="complex"),
        pytest.param(np.full((BATCH, TIME, FEATURES), "a"), id="string"),
    ],
)
def test_what_is_no_number_is_refused(x: Any) -> None:
    with pytest.raises(DataError, match=r"tf\.cast"):
        layer("lstm", dtype="float32")(x)


def test_objects_are_refused() -> None:
    x = np.full((BATCH, TIME, FEATURES), object())
    with pytest.raises((GatekitError, ValueError, TypeError), match="object"):
        layer("lstm", dtype="float32")(x)


@pytest.mark.one_in(6)
@pytest.mark.parametrize(
    "policy",
    [_row(49, p) for p in ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")],
)
@pytest.mark.parametrize("cell", CORE)
def test_every_floating_type_works(cell: str, policy: str) -> None:
    rnn = RNN(cell, 8, dtype=policy, seed=1)
    found = rnn(np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32"), mask=None)
    assert found.dtype == tf.as_dtype(keras.DTypePolicy(policy).compute_dtype)
    assert np.all(np.isfinite(tf.cast(found, tf.float32)))


@pytest.mark.parametrize(
    "dtype", [_row(50, d) for d in ("int32", "float8_e4m3fn", "bool", "complex64")]
)
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=dtype):
        RNN("lstm", 4, dtype=dtype)


def test_an_unknown_input_is_refused_with_the_nearest() -> None:
    made = layer("parameters")
    given = inputs_for(made)
    with pytest.raises(DataError, match=r"has no input 'dtt'; did you mean 'dt'"):
        made({"x": given["x"], "dtt": given["dt"]})
    with pytest.raises(DataError, match="call the layer with"):
        made({"x": given["x"]})
