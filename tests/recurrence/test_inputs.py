"""What comes in: inputs of every kind, right and wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .layers import BATCH, FEATURES, TIME, UNITS, computed, inputs_for, layer
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


def test_the_remedy_works() -> None:
    rnn = layer("lstm", features=2, dtype="float32")
    ragged = tf.ragged.constant([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], ragged_rank=1)
    found = rnn(ragged.to_tensor(), mask=tf.sequence_mask(ragged.row_lengths()))
    alone = rnn(ragged[:1].to_tensor())
    assert_close({"y": found[:1]}, {"y": alone}, 1e-6)


def test_a_wrong_mask_is_refused_in_a_graph_of_unknown_length() -> None:
    rnn = layer("lstm")
    specs = [
        tf.TensorSpec([None, None, FEATURES], tf.float64),
        tf.TensorSpec([None, None], tf.bool),
    ]
    call = tf.function(lambda x, mask: rnn(x, mask=mask), input_signature=specs)
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(inputs_for(rnn), np.ones((BATCH, TIME - 1), bool))


@pytest.mark.parametrize("kind", [_row(48, "int32"), _row(48, "int64"), _row(48, "uint8")])
def test_whole_numbers_are_cast_with_a_note(kind: str) -> None:
    made = layer("lstm", dtype="float32")
    x = np.arange(BATCH * TIME * FEATURES).reshape(BATCH, TIME, FEATURES) % 3
    with pytest.warns(UserWarning, match=f"x is {kind}; it is cast to float32"):
        found = made(x.astype(kind))
    np.testing.assert_array_equal(found, made(x.astype("float32")))
