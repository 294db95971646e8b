"""The cells that Keras has too, against Keras' own layers: values and gradients in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from reference.peers import COMPARED

from .layers import ALL_MASKED_ROW, HOLES, SUFFIX, UNITS, computed, inputs_for, layer, states_for
from .problems import assert_close, loss

# For each cell: Keras' layer, and the gates in Keras' order for kernel, recurrent kernel and bias.
KERAS: dict[str, tuple[Any, dict[str, Any], Sequence[str], Sequence[str]]] = {
    "rnn": (keras.layers.SimpleRNN, {}, ("candidate",), ("candidate.h_prev",)),
    "lstm": (
        keras.layers.LSTM,
        {},
        ("input", "forget", "candidate", "output"),
        ("input.h_prev", "forget.h_prev", "candidate.h_prev", "output.h_prev"),
    ),
    "gru": (
        keras.layers.GRU,
        {"reset_after": False},
        ("update", "reset", "candidate"),
        ("update.h_prev", "reset.h_prev", "candidate.reset*h_prev"),
    ),
    "gru_reset_after": (
        keras.layers.GRU,
        {"reset_after": True},
        ("update", "reset", "candidate"),
        ("update.h_prev", "reset.h_prev", "recurrent.h_prev"),
    ),
}
CASES = {
    "plain": {},
    "suffix": {"mask": SUFFIX},
    "holes": {"mask": HOLES, "states": True},
    "all_masked_row": {"mask": ALL_MASKED_ROW, "states": True},
    "backwards": {"go_backwards": True, "states": True},
    "backwards_masked": {"go_backwards": True, "mask": HOLES},
    "last_step": {"return_sequences": False, "mask": HOLES},
}


def _stacked(rnn: Any, gates: Sequence[str], part: str) -> NDArray[Any]:
    names = [f"{gate}.{part}" for gate in gates]
    return np.concatenate([rnn.named_weights[n].numpy() for n in names], -1)


def _keras_weights(rnn: Any, cell: str) -> list[NDArray[Any]]:
    _, _, gates, recurrent = KERAS[cell]
    matrices = [rnn.named_weights[n].numpy() for n in recurrent]
    bias = _stacked(rnn, gates, "bias")
    if cell == "gru_reset_after":
        second = np.zeros((3, UNITS))
        second[2] = rnn.named_weights["recurrent.bias"].numpy()
        bias = np.stack([bias, second.reshape(-1)])
    return [_stacked(rnn, gates, "x"), np.concatenate(matrices, -1), bias]


def _named_gradients(cell: str, gradients: Sequence[Any]) -> dict[str, Any]:
    """Return Keras' gradients of its three weights under the names of ours."""
    _, _, gates, recurrent = KERAS[cell]
    kernel, matrix, bias = (np.split(np.asarray(g), len(gates), -1) for g in gradients)
    named = {f"{gate}.x": part for gate, part in zip(gates, kernel, strict=True)}
    named.update(zip(recurrent, matrix, strict=True))
    if cell == "gru_reset_after":
        named["recurrent.bias"] = bias[2][1]
        bias = [part[0] for part in bias]
    named.update({f"{gate}.bias": part for gate, part in zip(gates, bias, strict=True)})
    return named


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("cell", KERAS)
def test_same_as_keras(cell: str, case: str) -> None:
    options = {"return_sequences": True, "mask": None, "states": False, **CASES[case]}
    mask, with_states = options.pop("mask"), options.pop("states")
    rnn = layer(cell, return_state=True, **options)
    x = inputs_for(rnn)
    states = states_for(rnn) if with_states else {}
    values, gradients = computed(rnn, x, mask, states)

    kind, more, _, _ = KERAS[cell]
    other = kind(UNITS, return_state=True, dtype="float64", **more, **options)
    other.build(x.shape)
    other.set_weights(_keras_weights(rnn, cell))
    given = [states[n] for n in rnn.state_names] if with_states else None
    variables = [w.value for w in other.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch([x, *(given or [])])
        actual = other(x, mask=mask, initial_state=given)
        expected = dict(zip(["outputs", *rnn.state_names], actual, strict=True))
        total = loss(expected)
    found_x, found_states, found_weights = tape.gradient(total, [x, given or [], variables])
    named = _named_gradients(cell, found_weights)
    for_states = dict(zip(states, found_states, strict=True))
    assert_close(values, expected)
    assert_close(
        gradients,
        {
            "input x": found_x,
            **{f"state {n}": g for n, g in for_states.items()},
            **{n: named[n] for n in rnn.named_weights},
        },
    )


def test_these_are_the_cells_that_are_said_to_be_compared() -> None:
    assert set(KERAS) == set(COMPARED["Keras"])
