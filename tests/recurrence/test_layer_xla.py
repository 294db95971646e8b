"""The layer under XLA and in graphs: same numbers, and one trace for all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from .cells import VARIED
from .layers import FEATURES, HOLES, computed, graph, inputs_for, layer
from .problems import assert_close

NOISY = {"dropout": 0.3, "recurrent_dropout": 0.3}
# One runs always, an LSTM whose gate has a state; in CI cells in which every structure occurs.
FIRST = "power_law"
OTHERS = [
    c
    for c in dict.fromkeys(("lstm", "peephole", "raw_input", "slstm", "mingru", *VARIED))
    if c != FIRST
]
SPECS = [tf.TensorSpec([None, None, FEATURES], tf.float64), tf.TensorSpec([None, None], tf.bool)]


def _trained(rnn: Any) -> Any:
    return lambda x: computed(rnn, x, HOLES, training=True)


@pytest.mark.one_in(1, slow=14)
@pytest.mark.parametrize(
    "cell", [FIRST, *(pytest.param(c, marks=pytest.mark.slow) for c in OTHERS)]
)
def test_xla_computes_what_eager_mode_does(cell: str) -> None:
    found = []
    for jit in (False, True):
        rnn = layer(cell, return_sequences=True, return_state=True, **NOISY)
        run = graph(_trained(rnn), jit_compile=True) if jit else _trained(rnn)
        found.append(run(inputs_for(rnn)))
    (values, gradients), (xla_values, xla_gradients) = found
    assert_close(xla_values, values)
    assert_close(xla_gradients, gradients)


@pytest.mark.parametrize("cell", ["gru", pytest.param("on_lstm", marks=pytest.mark.slow)])
def test_the_reference_runs_under_xla_where_the_whole_step_is_compiled(cell: str) -> None:
    rnn = layer(cell, executor="reference", return_sequences=True)
    x = inputs_for(rnn)
    values, gradients = graph(lambda x: computed(rnn, x, HOLES), jit_compile=True)(x)
    expected, expected_gradients = computed(rnn, x, HOLES)
    assert_close(values, expected)
    assert_close(gradients, expected_gradients)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("cell", "executor"),
    [
        *((c, "stacked") for c in ("lstm", "raw_input")),
        ("power_law", "reference"),
        *(
            pytest.param(c, "stacked", marks=pytest.mark.slow)
            for c in ("on_lstm", "slstm", "power_law")
        ),
        pytest.param("raw_input", "reference", marks=pytest.mark.slow),
    ],
)
@pytest.mark.one_in(1, slow=2)
def test_one_trace_for_every_batch_size_and_length(cell: str, executor: str) -> None:
    rnn = layer(
        cell,
        executor=executor,
        output_unit="mix_last",
        return_sequences=True,
        zoneout={"h": 0.1},
        **NOISY,
    )
    traces: list[int] = []

    @tf.function(input_signature=SPECS)
    def step(x: Any, mask: Any) -> Any:
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(rnn(x, mask=mask, training=True))
        return total, tape.gradient(total, x), rnn(x, mask=mask)

    for batch, time in ((4, 5), (1, 9), (3, 1)):
        x = inputs_for(rnn, batch, time)
        mask = np.random.default_rng(0).random((batch, time)) < 0.7
        _, gradient, plain = step(x, mask)
        assert np.all(np.isfinite(gradient))
        assert_close({"y": plain}, {"y": rnn(x, mask=mask)})
    assert len(traces) == 1


@pytest.mark.one_in(2, slow=2)
@pytest.mark.parametrize(
    "cell",
    [
        *("gru_reset_after", "mingru"),
        *(pytest.param(c, marks=pytest.mark.slow) for c in ("lstm", "layer_norm_lstm")),
    ],
)
def test_a_gradient_outside_training(cell: str) -> None:
    # Inference computes otherwise than training does there; its gradient is that of training.
    found = []
    for executor, jit in (("auto", True), ("reference", False)):
        made = layer(cell, executor=executor, return_sequences=True, return_state=True)

        def run(x: Any, made: Any = made) -> Any:
            return computed(made, x, HOLES)

        call = graph(run, jit_compile=True) if jit else run
        found.append(call(inputs_for(made)))
    (values, gradients), (expected, expected_gradients) = found
    assert_close(values, expected)
    assert_close(gradients, expected_gradients)
