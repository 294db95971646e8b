"""Keras' arguments that gatekit has elsewhere: each message names the place, which works."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from refused import at, saying

import gatekit
from gatekit import RNN, Cell, ConfigError, DataError, GatekitError

from .layers import FEATURES


@pytest.mark.parametrize("kind", [RNN, Cell])
def test_a_misspelt_argument_is_refused_with_the_nearest(kind: Any) -> None:
    with pytest.raises(ConfigError, check=at("zonout", names=("zoneout",))):
        kind("lstm", 4, zonout={"c": 0.1})


def test_arguments_of_every_layer_are_taken() -> None:
    rnn = RNN("gru", 4, name="mine", trainable=False, activity_regularizer="l2", dtype="float64")
    assert (rnn.name, rnn.trainable, rnn.variable_dtype) == ("mine", False, "float64")
    rnn(np.ones((2, 3, FEATURES)))
    assert len(rnn.losses) == 1


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


@pytest.mark.parametrize(
    ("executor", "fix"),
    [("nope", "='auto'"), ("Fused", "='stacked'"), (None, "='auto'"), (3, "='auto'")],
)
def test_an_unknown_executor_is_refused_at_once(executor: Any, fix: str) -> None:
    with pytest.raises(ConfigError, check=at("executor")):
        RNN("lstm", 4, executor=executor)


def test_a_swap_without_roles_is_refused() -> None:
    with pytest.raises(ConfigError, check=at("swap")):
        RNN("lstm", 4, swap="power_law")


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [((2, 5), r"return_sequences=True; .* x\[\.\.\., None\]"), ((2, 5, 4, 1), "Reshape")],
)
def test_an_input_of_another_rank_is_refused_with_the_remedy(
    shape: tuple[int, ...], remedy: str
) -> None:
    with pytest.raises(DataError, match=remedy):
        RNN("lstm", 4)(np.zeros(shape, "float32"))


def test_states_in_a_list_with_the_input_are_refused_with_their_place() -> None:
    """Before Keras 3 they came in one list."""
    sequence, state = np.zeros((2, 5, 3), "float32"), np.zeros((2, 4), "float32")
    with pytest.raises(DataError, match=r"3 inputs.*\(x, initial_state="):
        RNN("lstm", 4)([sequence, state, state])


def test_sequences_of_unequal_lengths_are_answered_with_padding_and_a_mask() -> None:
    five, seven = np.zeros((5, 3), "float32"), np.zeros((7, 3), "float32")
    with pytest.raises(DataError, match=r"5, 7 steps, .*sequence_mask"):
        RNN("lstm", 4)([five, seven])


def test_a_typo_in_a_call_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, check=at("initial_sate")):
        RNN("lstm", 4)(np.zeros((2, 5, 3), "float32"), initial_sate=None)


@pytest.mark.parametrize(
    ("call", "check"),
    [
        (lambda: gatekit.RNN("lstm", hidden_size=8), at("hidden_size")),
        (lambda: gatekit.RNN("lstm"), at("units")),
        (lambda: gatekit.RNN(units=8), at("cell.name")),
        (lambda: gatekit.RNN("lstm", "8"), at("units")),
        (lambda: gatekit.RNN("lstm", 8, seed="a"), at("seed")),
        (lambda: gatekit.RNN("lstm", 8, stateful="no"), at("stateful")),
        (lambda: gatekit.RNN("lstm", 8)(), saying(r"write layer\(x\)")),
        (lambda: gatekit.RNN("lstm", 8)([[1.0]]), saying(r"write layer\(np.asarray")),
        (lambda: gatekit.BlockLayer("modern"), at("cell.name")),
    ],
)
def test_arguments_that_are_missing_or_of_another_type(call, check):
    with pytest.raises(GatekitError, check=check):
        call()
