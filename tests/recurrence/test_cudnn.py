"""cuDNN's weights without a GPU: unpacked by its documented layout, and run by Keras on a CPU."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seams import Executor, ExecutorChoice, KerasForm, Setting, cudnn, keras_form
from seams import cudnn_packed as packed
from seams import executor as fused

from .cells import built
from .layers import FEATURES, UNITS, inputs_for, layer, states_for
from .problems import Given, difference

# Keras' own order of gates, by cuDNN's.
_KERAS = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}


def _form(rnn: Any) -> KerasForm:
    form = keras_form(rnn.cell)
    assert isinstance(form, KerasForm)
    return form


def _keras_weights(params: Any, kind: str) -> list[Any]:
    """Return Keras' kernel, recurrent kernel and bias from cuDNN's one vector.

    The vector holds input matrices, recurrent matrices, input biases, recurrent biases, gate by
    gate; a matrix has a row for each unit.
    """
    count, rest = len(_KERAS[kind]), np.asarray(params)
    sizes = [FEATURES] * count + [UNITS] * count
    matrices = []
    for width in sizes:
        matrices.append(rest[: width * UNITS].reshape(UNITS, width).T)
        rest = rest[width * UNITS :]
    biases = rest.reshape(2, count, UNITS)
    order = list(_KERAS[kind])
    kernel = np.concatenate([matrices[:count][k] for k in order], 1)
    recurrent = np.concatenate([matrices[count:][k] for k in order], 1)
    both = biases[:, order].reshape(2, -1)
    return [kernel, recurrent, both.sum(0) if kind == "lstm" else both]


@pytest.mark.parametrize(
    ("cell", "kind", "peer"),
    [
        ("lstm", "lstm", keras.layers.LSTM),
        ("gru_reset_after", "gru", keras.layers.GRU),
    ],
)
def test_keras_computes_the_same_with_the_packed_weights(cell: str, kind: str, peer: Any) -> None:
    rnn = layer(cell, return_sequences=True)
    x, states, form = inputs_for(rnn), states_for(rnn), _form(rnn)
    weights = {name: tf.convert_to_tensor(v) for name, v in rnn.named_weights.items()}
    other = peer(UNITS, return_sequences=True, dtype="float64")
    other.build(x.shape)
    other.set_weights(_keras_weights(packed(rnn.cell, weights, form), kind))
    first = [states[name] for name in form.states]
    assert (form.layer, first[0].shape) == (kind, (x.shape[0], UNITS))
    found = other(x, initial_state=first)
    assert difference(rnn(x, initial_state=states), found) < 1e-13


def test_xla_which_has_no_cudnn_runs_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    rnn = layer("lstm", return_sequences=True)
    executor = Executor(
        rnn.cell, ExecutorChoice("cudnn", "graph", ""), Setting("gpu", "float64", "float64")
    )
    given = Given(rnn.cell)
    expected = fused.run(given.problem(given.tensors), executor.schedule(("h",)))

    def asked(*_: Any) -> Any:
        raise NotImplementedError("cuDNN")

    monkeypatch.setattr(cudnn, "run", asked)

    def call(tensors: Any) -> Any:
        return executor.run(given.problem(tensors)).sequences["h"]

    with pytest.raises(NotImplementedError, match="cuDNN"):
        tf.function(call, autograph=False)(given.tensors)
    actual = tf.function(call, autograph=False, jit_compile=True)(given.tensors)
    assert difference(actual, expected.sequences["h"]) < 1e-13


def test_keras_is_told_not_to_compile_what_runs_on_cudnn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert layer("lstm").supports_jit
    monkeypatch.setattr("gatekit.recurrence.layers.rnn.device", lambda: "gpu")
    assert layer("lstm").choice.executor == "cudnn"
    assert not layer("lstm").supports_jit
    assert layer("peephole").supports_jit


def test_each_gate_plays_kerass_part() -> None:
    assert _form(layer("lstm")).parts == {
        "input": "input",
        "forget": "forget",
        "candidate": "candidate",
        "output": "output",
    }
    assert _form(layer("gru_reset_after")).parts == {
        "update": "update",
        "reset": "reset",
        "candidate": "candidate",
        "recurrent": "recurrent",
    }


def test_an_output_unit_that_reads_more_has_no_keras_form() -> None:
    assert "output unit" in str(keras_form(built("lstm", output="memory")))
