"""Keras layers of the parts that a block declares."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import tensorflow as tf

from gatekit.cell.block.sketch import Part
from gatekit.cell.errors import CellError, ConfigError

from .convolution import CausalConvolution


def derived(seed: int, name: str) -> int:
    """Return the seed of one part of a layer with this seed.

    Args:
        seed: the layer's seed.
        name: the part's name.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def keras_part(part: Part, name: str, policy: Any, seed: int) -> Any:
    """Return the Keras layer of a part, built.

    Args:
        part: the part; not the mixer.
        name: of the layer.
        policy: the type in which it computes.
        seed: of its first weights, and of its noise.

    Raises:
        ConfigError: it has another number of weights than the part declares.
    """
    layer = _unbuilt(part, name, policy, seed)
    grouped = part.kind == "norm" and part.options["groups"] > 1
    groups = part.options["groups"] if grouped else 1
    layer.build((None, None, *([groups] if grouped else []), part.fed // groups))
    if layer.count_params() != part.count:
        raise ConfigError(
            f"the part {part.name!r} declares {part.count:,} weights, and its Keras layer "
            f"has {layer.count_params():,}; write count={layer.count_params()}"
        )
    return layer


def _unbuilt(part: Part, name: str, policy: Any, seed: int) -> Any:
    options = part.options
    given: dict[str, Any] = {"name": name, "dtype": policy}
    if part.kind == "norm":
        made = (
            keras.layers.RMSNormalization
            if options["norm"] == "rms"
            else (keras.layers.LayerNormalization)
        )
        return made(epsilon=1e-6, **given)
    if part.kind == "dense":
        start = keras.initializers.GlorotUniform(seed=seed)
        return keras.layers.Dense(
            part.width, use_bias=options["bias"], kernel_initializer=start, **given
        )
    if part.kind == "convolution":
        width = part.width if options["full"] else None
        return CausalConvolution(options["kernel"], width, options["bias"], seed, **given)
    if part.kind == "dropout":
        return keras.layers.Dropout(options["rate"], seed=seed, **given)
    return _own_layer(part, given, seed)


def _own_layer(part: Part, given: dict[str, Any], seed: int) -> Any:
    """Return a block author's layer, with the name, type and seed of this place."""
    made = part.options["make"]()
    if not isinstance(made, keras.layers.Layer):
        raise CellError(
            f"the part {part.name!r}: its function returned {type(made).__name__}; return a Keras "
            "layer, such as keras.layers.Conv1D(units, 1)"
        )
    config = {**made.get_config(), **given}
    for key, value in config.items():
        # Otherwise first weights would come from Python's global generator.
        if key == "seed" and value is None:
            config[key] = seed
        elif isinstance(value, dict) and (value.get("config") or {}).get("seed", 0) is None:
            inner = {**value["config"], "seed": derived(seed, key)}
            config[key] = {**value, "config": inner}
    return type(made).from_config(config)


def applied(layer: Any, part: Part, value: Any, training: bool) -> Any:
    """Return the value of a part that looks at one step at a time.

    Args:
        layer: its Keras layer.
        part: the part.
        value: ``... x fed``.
        training: whether dropout draws.
    """
    if part.kind == "norm" and (groups := part.options["groups"]) > 1:
        shape = tf.shape(value)
        size = part.width // groups
        apart = layer(tf.reshape(value, tf.concat([shape[:-1], [groups, size]], 0)))
        return tf.ensure_shape(tf.reshape(apart, shape), value.shape)
    if part.kind == "dropout":
        return layer(value, training=training)
    found = layer(value)
    if found.shape[-1] != part.width:
        raise CellError(
            f"the part {part.name!r} declares the width {part.width}, and its Keras layer returns "
            f"{found.shape[-1]}; write width={found.shape[-1]}"
        )
    return found
