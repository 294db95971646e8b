"""Keras' arguments that gatekit has elsewhere: each message names the place, which works."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import gatekit
from gatekit import RNN

from .layers import FEATURES


def _built(*arguments: Any, **options: Any) -> RNN:
    rnn = RNN(*arguments, seed=1, **options)
    rnn.build((None, None, FEATURES))
    return rnn


def test_what_the_messages_suggest_works() -> None:
    unbiased = _built({"defaults": ["lstm"], "gates": {"forget": {"bias": False}}}, 4)
    assert "forget.bias" not in unbiased.named_weights
    assert "input.bias" in unbiased.named_weights
    for key, weight in (("kernel", "forget.x"), ("recurrent", "forget.h_prev")):
        zeros = _built({"defaults": ["gru_reset_after"], "initializers": {key: "zeros"}}, 4)
        assert not np.any(zeros.named_weights[weight.replace("forget", "reset")])
    zero = {"forget": {"initializers": {"bias": "zeros"}}}
    assert not np.any(_built({"defaults": ["lstm"], "gates": zero}, 4).named_weights["forget.bias"])
    assert np.all(_built("lstm", 4).named_weights["forget.bias"])


_RELU = {"candidate": {"activation": "relu(pre)"}}
_LSTM_RELU = {"defaults": ["lstm"], "equations": {"h": "output * relu(c)"}}
_PROPOSAL = {"proposal": "relu(candidate + reset * recurrent)"}
_GRU_RELU = {"defaults": ["gru_reset_after"], "equations": _PROPOSAL}
_GRU_READS = {"reads": {"x": "dense", "reset*h_prev": "dense"}}
_LSTM_GATES = ("input", "forget", "output")


def _hard(*gates: str) -> dict[str, Any]:
    return {gate: {"activation": "hard_sigmoid(pre)"} for gate in gates}


@pytest.mark.parametrize(
    ("theirs", "options", "cell", "gates"),
    [
        ("LSTM", {"activation": "relu"}, _LSTM_RELU, _RELU),
        (
            "LSTM",
            {"activation": "relu"},
            _LSTM_RELU | {"gates": {"candidate": {"kind": None, "activation": "relu(pre)"}}},
            {},
        ),
        ("LSTM", {"recurrent_activation": "hard_sigmoid"}, "lstm", _hard(*_LSTM_GATES)),
        ("GRU", {"activation": "relu"}, _GRU_RELU, {}),
        (
            "GRU",
            {"activation": "relu", "reset_after": False},
            "gru",
            {"candidate": _RELU["candidate"] | _GRU_READS},
        ),
        (
            "GRU",
            {"recurrent_activation": "hard_sigmoid"},
            "gru_reset_after",
            _hard("reset", "update"),
        ),
        ("SimpleRNN", {"activation": "relu"}, "rnn", _RELU),
    ],
)
def test_other_activations_are_written_as_the_page_and_the_messages_say(
    theirs: str, options: dict[str, Any], cell: Any, gates: dict[str, Any]
) -> None:
    """Keras' `activation` of an LSTM is that of c, too; the candidate's alone is another model."""
    kind = getattr(keras.layers, theirs)
    kept = {key: value for key, value in options.items() if key == "reset_after"}
    usual, layer = (kind(4, dtype="float64", **each) for each in (kept, options))
    values = np.random.default_rng(1)
    for each in (usual, layer):
        each.build((None, None, FEATURES))
    for weight in usual.weights:
        weight.assign(values.normal(size=weight.shape))
    layer.set_weights(usual.get_weights())
    moved = gatekit.convert.from_keras(usual)
    ours = RNN(cell, 4, swap=gates, dtype="float64", executor="reference")
    ours.build((None, None, FEATURES))
    assert ours.named_weights.keys() == moved.named_weights.keys()
    for name, value in moved.named_weights.items():
        ours.named_weights[name].assign(value)
    x = values.normal(size=(2, 6, FEATURES))
    np.testing.assert_allclose(ours(x), layer(x), rtol=0, atol=1e-12)
    assert np.max(np.abs(ours(x) - usual(x))) > 1e-3
