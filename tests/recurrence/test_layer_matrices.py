"""Matrix-valued states in layers: held flat, given either way, the same in every executor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gatekit import RNN

from .layers import HOLES, computed, layer
from .problems import assert_close

# Its gates read the memory's output, so that it enters a matrix product of the loop.
MEMORY: dict[str, Any] = {
    "name": "memory",
    "constants": {"heads": 2, "size": 4},
    "parameters": {"first": {"shape": "units * units // heads", "init": 0.1}},
    "gates": {
        **{n: {"kind": "linear", "reads": ["x", "h_prev"]} for n in ("query", "key", "value")},
        "decay": {"kind": "sigmoid", "reads": ["x"], "units": "heads"},
    },
    "equations": {
        "S": "column(column(decay)) * S_prev + outer(split(key, heads), split(value, heads))",
        "T": "S + split(split(first, heads), size)",
        "h": "tanh(flat(matvec(transpose(T), split(query, heads))))",
    },
    "emits": "h",
}


def _layer(executor: str = "auto", **options: Any) -> RNN:
    return layer(MEMORY, units=8, features=3, executor=executor, return_state=True, **options)


@pytest.mark.parametrize("mask", [None, HOLES], ids=["all", "holes"])
def test_every_executor_computes_the_same(mask: Any) -> None:
    # Not 0: with its numbers this cell amplifies rounding some hundred times more.
    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(size=(4, 5, 3)))
    values, found = {}, {}
    for executor in ("reference", "stacked"):
        rnn = _layer(executor, return_sequences=True)
        first = rnn.initial_states(4)
        values[executor], found[executor] = computed(rnn, x, mask, first)
    assert_close(values["stacked"], values["reference"])
    assert_close(found["stacked"], found["reference"])


def test_states_are_given_flat_or_as_matrices() -> None:
    rnn, x = _layer(), tf.zeros((2, 3, 3), tf.float64)
    S = np.random.default_rng(1).normal(size=(2, 2, 4, 4))
    flat = rnn(x, initial_state={"S": tf.constant(S.reshape(2, 32))})
    shaped = rnn(x, initial_state={"S": tf.constant(S)})
    assert [state.shape for state in shaped[1:]] == [(2, 8), (2, 32)]
    for one, other in zip(flat, shaped, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(np.asarray(flat[0]) - np.asarray(rnn(x)[0])).max() > 1e-3
