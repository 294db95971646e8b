"""Steps computed again in the backward pass: the same numbers, gradients included."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import processes
import pytest
import tensorflow as tf

from gatekit import RNN, ConfigError

from .layers import HOLES, MASKS, computed, graph, inputs_for, layer, states_for
from .problems import assert_close

OPTIONS = {"dropout": 0.2, "recurrent_dropout": 0.3, "zoneout": {"h": 0.3}}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("cell", "time", "mask", "mode"),
    [
        ("lstm", 5, "none", "eager"),
        ("lstm", 9, "none", "graph"),
        ("gru", 5, "holes", "graph"),
        ("power_law", 1, "none", "eager"),
        ("parameters", 5, "all_masked_row", "eager"),
        ("raw_input", 5, "holes", "eager"),
        ("two_levels", 7, "none", "graph"),
    ],
)
def test_numbers_are_those_of_the_reference(cell: str, time: int, mask: str, mode: str) -> None:
    found = {}
    for remat in (False, True):
        executor = "auto" if remat else "reference"
        made = layer(
            cell,
            executor=executor,
            remat=remat,
            return_state=True,
            return_sequences=True,
            learned_initial_state=["h"],
            **OPTIONS,
        )

        def run(inputs: Any, made: RNN = made) -> Any:
            return computed(made, inputs, MASKS[mask], states_for(made), training=True)

        inputs = inputs_for(made, time=time)
        found[remat] = (graph(run) if remat and mode == "graph" else run)(inputs)
    assert_close(found[True][0], found[False][0])
    assert_close(found[True][1], found[False][1])


@pytest.mark.slow
def test_compiled_by_xla() -> None:
    rnn = layer("lstm", remat=True)
    x = inputs_for(rnn, time=7)
    values, gradients = graph(lambda x: computed(rnn, x, None), jit_compile=True)(x)
    expected = computed(rnn, x, None)
    assert_close(values, expected[0])
    assert_close(gradients, expected[1])


def test_one_trace_serves_every_length() -> None:
    rnn, traced = layer("lstm", remat=True), []

    @tf.function(input_signature=[tf.TensorSpec((None, None, 3), tf.float64)])
    def run(x: Any) -> Any:
        traced.append(1)
        return rnn(x)

    plain = layer("lstm", executor="reference")
    for batch, time in ((2, 1), (3, 6), (1, 16)):
        x = inputs_for(rnn, batch, time)
        np.testing.assert_allclose(run(x), plain(x), atol=1e-12)
    assert len(traced) == 1


def test_the_layer_says_so_and_keeps_it() -> None:
    rnn = layer("lstm", remat=True)
    assert "remat: states are kept every sqrt(time) steps" in rnn.explain()
    assert RNN.from_config(rnn.get_config()).remat


def test_another_executor_is_refused() -> None:
    with pytest.raises(ConfigError, match="remat=True requires the executor fused"):
        layer("lstm", executor="reference", remat=True)


def test_masked_steps_may_hold_anything() -> None:
    rnn = layer("lstm", remat=True, return_sequences=True)
    x = inputs_for(rnn)
    expected = computed(rnn, x, HOLES)
    actual = computed(rnn, tf.where(HOLES[:, :, None], x, np.nan), HOLES)
    assert_close(actual[0], expected[0])
    del actual[1]["input x"], expected[1]["input x"]
    assert_close(actual[1], expected[1])


_STEP = """
import re, sys
import numpy as np, tensorflow as tf
from gatekit import RNN
layer = RNN("lstm", units=64, seed=0, remat=sys.argv[1] == "remat")
layer.build((None, None, 8))
variables = layer.trainable_variables
@tf.function
def step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(x, training=True) ** 2)
    return tape.gradient(loss, variables)
# Not ru_maxrss, which begins with what the process of the tests had.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
step(tf.zeros((16, 4, 8)))
before = peak()
step(tf.zeros((16, 4096, 8)))
print(peak() - before)
"""


@pytest.mark.slow
def test_a_training_step_takes_half_the_memory() -> None:
    def peak(how: str) -> int:
        command = [sys.executable, "-c", _STEP, how]
        return int(processes.run(command, capture_output=True, check=True, text=True).stdout)

    plain = peak("plain")
    assert plain > 0
    assert peak("remat") <= plain / 2
