"""Converts Keras' LSTM, GRU and SimpleRNN layers to `gatekit.RNN` layers, and back."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.layers import Layer

from gatekit.cell.calls import checked_call
from gatekit.cell.errors import ConfigError
from gatekit.faults import Layer as LayerArguments
from gatekit.recurrence.keras_form import KERAS_ORDER
from gatekit.recurrence.layers.rnn import RNN

from .gate_weights import GateWeights, composed_layer, gate_weights, split_gates

_KINDS = {keras.layers.LSTM: "lstm", keras.layers.GRU: "gru", keras.layers.SimpleRNN: "rnn"}
_SHARED = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "zero_output_for_mask",
    "trainable",
    "name",
)


@checked_call(types=False, channel=LayerArguments)
def from_keras(layer: Layer, *, executor: str = "auto") -> Layer:
    """Return the equivalent gatekit layer of a Keras layer, with the same weights.

    ``LSTM`` becomes the cell ``lstm``; ``GRU`` becomes ``gru_reset_after``, or ``gru`` if
    ``reset_after=False``; ``SimpleRNN`` becomes ``rnn``. Weights are copied bit by bit, except that
    the two biases of a GRU's update and reset gate become their sum. Dropout rates and arguments
    such as ``return_sequences`` are kept; regularizers and constraints are not.

    Args:
        layer: a built `keras.layers.LSTM`, `keras.layers.GRU` or `keras.layers.SimpleRNN`, or a
            `keras.layers.Bidirectional` of one.
        executor: the executor of the new layer, as in `gatekit.RNN`; ``unroll`` for LiteRT. A Keras
            layer with ``unroll=True`` always gets ``unroll``.

    Returns:
        A built `gatekit.RNN`; for a bidirectional layer, a `keras.layers.Bidirectional` of two
        such layers.

    Raises:
        ConfigError: the layer is of another class, is not built, or has an activation that the
            cells lack.
    """
    if type(layer) is keras.layers.Bidirectional:
        return _both(layer, executor)
    return _one(layer, executor)


def to_keras(layer: Layer) -> Layer:
    """Return the equivalent Keras layer of a gatekit layer, with the same weights.

    Args:
        layer: a built `gatekit.RNN` whose cell is ``lstm``, ``gru``, ``gru_reset_after`` or
            ``rnn``, or equals one of them under other names; or a `keras.layers.Bidirectional` of
            such layers.

    Returns:
        A built Keras layer, or a `keras.layers.Bidirectional` of two. A GRU with
        ``reset_after=True`` has two biases; a gate's single bias becomes the first.

    Raises:
        ConfigError: no Keras layer equals this one.
    """
    if type(layer) is keras.layers.Bidirectional:
        forward, backward = (_to_one(one) for one in (layer.forward_layer, layer.backward_layer))
        return _bidirectional(layer, forward, backward, layer.forward_layer.cell.features)
    return _to_one(layer)


def _to_one(layer: Layer) -> Layer:
    if not isinstance(layer, RNN):
        raise ConfigError(
            "to_keras converts gatekit.RNN layers, alone or in Bidirectional, but got "
            f"{type(layer).__name__}{_of_model(layer)}"
        )
    _refuse_unbuilt(layer)
    form, gates = gate_weights(layer)
    options = {key: getattr(layer, key) for key in _SHARED}
    options |= {
        "dtype": layer.dtype_policy,
        "dropout": layer.spec.dropout,
        "recurrent_dropout": layer.spec.recurrent_dropout,
        "seed": layer.seed,
        "unroll": layer.executor == "unroll",
    }
    ordered = [gates[gate] for gate in KERAS_ORDER[form.layer]]
    biased = ordered[0].bias is not None
    if form.layer == "gru":
        options["reset_after"] = form.reset_after
    kind = next(kind for kind, name in _KINDS.items() if name == form.layer)
    converted = kind(layer.units, use_bias=biased, **options)
    converted.build((_batch(layer), None, layer.cell.features))
    weights = [np.concatenate([gate.x for gate in ordered], 1)]
    weights += [np.concatenate([gate.h for gate in ordered], 1)]
    if biased:
        bias = np.concatenate([gate.filled("bias") for gate in ordered])
        two = form.layer == "gru" and form.reset_after
        second = np.concatenate([gate.filled("recurrent_bias") for gate in ordered])
        weights += [np.stack([bias, second]) if two else bias]
    converted.set_weights(weights)
    return converted


def _batch(layer: Layer) -> int | None:
    """Return the batch size of a stateful Keras or gatekit layer; None for other layers."""
    return int(layer.states[0].shape[0]) if layer.stateful else None


def _one(layer: Layer, executor: str, **changes: Any) -> RNN:
    kind = _KINDS.get(type(layer))
    if kind is None:
        raise ConfigError(
            "from_keras converts keras.layers.LSTM, GRU and SimpleRNN, alone or in Bidirectional, "
            f"but got {type(layer).__name__}{_of_model(layer)}. For other cells build gatekit.RNN "
            "and assign its named_weights, a dictionary of variables by name"
        )
    _check(layer)
    return composed_layer(
        kind,
        _gates(layer, kind),
        reset_after=kind == "gru" and bool(layer.cell.reset_after),
        batch=_batch(layer),
        **{key: getattr(layer, key) for key in _SHARED} | changes,
        dtype=layer.dtype_policy,
        dropout=layer.cell.dropout,
        recurrent_dropout=layer.cell.recurrent_dropout,
        seed=layer.cell.seed,
        executor="unroll" if layer.unroll else executor,
    )


def _gates(layer: Layer, kind: str) -> dict[str, GateWeights]:
    x, h, *rest = (np.asarray(value) for value in layer.get_weights())
    bias, second = (rest[0], None) if rest else (None, None)
    if bias is not None and bias.ndim == 2:
        bias, second = bias
    return split_gates(KERAS_ORDER[kind], x, h, bias, second, ("candidate",))


def _both(layer: Layer, executor: str) -> Layer:
    forward, backward = (
        _one(one, executor, name=one.name) for one in (layer.forward_layer, layer.backward_layer)
    )
    return _bidirectional(layer, forward, backward, forward.cell.features)


def _bidirectional(like: Layer, forward: Layer, backward: Layer, features: int) -> Layer:
    """Return a bidirectional layer of two layers.

    Keras creates the forward layer anew from its config, so its weights are set again.
    """
    converted = keras.layers.Bidirectional(
        forward,
        merge_mode=like.merge_mode,
        backward_layer=backward,
        name=like.name,
        dtype=like.dtype_policy,
    )
    converted.build((_batch(forward), None, features))
    converted.forward_layer.set_weights(forward.get_weights())
    return converted


def _of_model(layer: Layer) -> str:
    layers = getattr(layer, "layers", None) or []
    kinds = ("LSTM", "GRU", "SimpleRNN", "Bidirectional")
    at = next((i for i, each in enumerate(layers) if type(each).__name__ in kinds), 0)
    return f": give one of the model's layers, such as model.layers[{at}]" if layers else ""


def _check(layer: Layer) -> None:
    _refuse_unbuilt(layer)
    for option, known in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        function = getattr(layer.cell, option, None)
        value = known if function is None else keras.activations.serialize(function)
        if value != known:
            raise ConfigError(
                f"the layer {layer.name!r} has {option}={value!r}, but the bundled cells have "
                f"{known!r}. Build gatekit.RNN with it and assign layer.named_weights."
            )


def _refuse_unbuilt(layer: Layer) -> None:
    if not layer.built:
        raise ConfigError(
            f"the layer {layer.name!r} is not built yet and has no weights: call it once, "
            "or build((None, None, features))"
        )
