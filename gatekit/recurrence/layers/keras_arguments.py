"""Keras' arguments of LSTM, GRU and SimpleRNN that have another place in gatekit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gatekit.cell.errors import ConfigError, nearest

# What keras.layers.Layer takes by keyword.
_OF_LAYERS = ("activity_regularizer", "autocast", "dtype", "name", "trainable")

_ACTIVATION = "gates={'candidate': {'activation': 'relu(pre)'}} sets the activation of one gate"
_INITIALIZER = (
    "initializers are part of the cell: "
    "RNN({{'defaults': ['lstm'], 'initializers': {{'{key}': 'zeros'}}}}, ...), "
    "or the same key in one of its gates"
)
_PER_GATE = "gatekit has it for each gate: use the argument {name}={{'{key}': ...}}"
_INPUT = "give the model keras.Input((time, features)) as its first layer"

REMEDIES: dict[str, str] = {
    "use_bias": (
        "each gate has its own bias: RNN({'defaults': ['lstm'], 'gates': {'forget': "
        "{'bias': False}}}, ...) removes that of one gate"
    ),
    "activation": _ACTIVATION,
    "recurrent_activation": _ACTIVATION.replace("candidate", "forget").replace(
        "relu(pre)", "hard_sigmoid(pre)"
    ),
    "kernel_initializer": _INITIALIZER.format(key="kernel"),
    "recurrent_initializer": _INITIALIZER.format(key="recurrent"),
    "bias_initializer": _INITIALIZER.format(key="bias"),
    "unit_forget_bias": (
        "the cell sets where a bias starts, and lstm starts its forget bias at 1: RNN({'defaults': "
        "['lstm'], 'gates': {'forget': {'initializers': {'bias': 'zeros'}}}}, ...) starts it at 0"
    ),
    **{
        f"{keras}_{kind}": _PER_GATE.format(name=f"{kind}s", key=key)
        for kind in ("regularizer", "constraint")
        for keras, key in (("kernel", "kernel"), ("recurrent", "recurrent"), ("bias", "bias"))
    },
    "implementation": "executor= chooses how the recurrence is computed; omit it for the fastest",
    "unroll": "use executor='unroll'",
    "use_cudnn": "use executor='cudnn'; executor='auto' uses cuDNN on a GPU if the cell allows it",
    "reset_after": "use the cell 'gru_reset_after' for True and the cell 'gru' for False",
    "time_major": "inputs are batch x time x features: use tf.transpose(x, [1, 0, 2])",
    "input_length": _INPUT,
    "input_dim": _INPUT,
    "input_shape": _INPUT,
    "batch_input_shape": "give the model keras.Input(batch_shape=(batch, time, features))",
    "batch_size": "give the model keras.Input(batch_shape=(batch, time, features))",
    "weights": "build the layer, then call set_weights(...) or assign its named_weights",
}


def refuse_unknown(given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse keyword arguments that neither gatekit nor `keras.layers.Layer` has.

    Args:
        given: the keyword arguments that are left.
        known: gatekit's own arguments, for the nearest name.

    Raises:
        ConfigError: an argument is unknown; for one of Keras' the message names its place here.
    """
    for name in given:
        if name in REMEDIES:
            raise ConfigError(f"{name}= is an argument of Keras' layers: {REMEDIES[name]}")
        if name not in _OF_LAYERS:
            raise ConfigError(
                f"there is no argument {name!r}{nearest(name, [*known, *_OF_LAYERS])} "
                f"Arguments: {', '.join(known)}."
            )
