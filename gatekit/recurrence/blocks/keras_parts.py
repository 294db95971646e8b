"""Keras layers of the parts that a block declares."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.sketch import Part
from gatekit.cell.errors import CellError, ConfigError
from gatekit.recurrence.noise import Dropout

from .order import Order, last_step


def part_seed(seed: int, name: str) -> int:
    """Return the seed of one part of a layer with this seed.

    Args:
        seed: the layer's seed.
        name: the part's name.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def keras_part(part: Part, name: str, policy: keras.DTypePolicy, seed: int) -> keras.layers.Layer:
    """Return the Keras layer of a part, built.

    Args:
        part: the part; not the mixer.
        name: the layer's name.
        policy: the dtype policy of the layer.
        seed: seed of its initial weights and of its noise.

    Raises:
        ConfigError: the layer does not have as many weights as the part declares.
        CellError: the function of a custom part does not return a Keras layer.
    """
    layer = _unbuilt(part, name, policy, seed)
    grouped = part.kind == "norm" and part.options["groups"] > 1
    groups = part.options["groups"] if grouped else 1
    layer.build((None, None, *([groups] if grouped else []), part.fed // groups))
    if layer.count_params() != part.count:
        raise ConfigError(
            f"the part {part.name!r} declares {part.count:,} weights, but its Keras layer "
            f"has {layer.count_params():,}; write count={layer.count_params()}"
        )
    return layer


def _unbuilt(part: Part, name: str, policy: keras.DTypePolicy, seed: int) -> keras.layers.Layer:
    options = part.options
    given: dict[str, Any] = {"name": name, "dtype": policy}
    if part.kind == "norm":
        norm = (
            keras.layers.RMSNormalization
            if options["norm"] == "rms"
            else (keras.layers.LayerNormalization)
        )
        return norm(epsilon=1e-6, **given)
    if part.kind == "dense":
        start = keras.initializers.GlorotUniform(seed=seed)
        return keras.layers.Dense(
            part.width, use_bias=options["bias"], kernel_initializer=start, **given
        )
    if part.kind == "convolution":
        width = part.width if options["full"] else None
        return CausalConvolution(options["kernel"], width, options["bias"], seed, **given)
    if part.kind == "dropout":
        return Dropout(options["rate"], seed=seed, **given)
    return _own_layer(part, given, seed)


def _own_layer(part: Part, given: dict[str, Any], seed: int) -> keras.layers.Layer:
    """Return a custom part's layer with this name, type and, where it has none, seed."""
    layer = part.options["make"]()
    if not isinstance(layer, keras.layers.Layer):
        raise CellError(
            f"the part {part.name!r}: its function returned {type(layer).__name__}; return a Keras "
            "layer, such as keras.layers.Conv1D(units, 1)"
        )
    config = {**layer.get_config(), **given}
    for key, value in config.items():
        # Otherwise, initial weights would be drawn from Python's global generator.
        if key == "seed" and value is None:
            config[key] = seed
        elif isinstance(value, dict) and (value.get("config") or {}).get("seed", 0) is None:
            inner = {**value["config"], "seed": part_seed(seed, key)}
            config[key] = {**value, "config": inner}
    return type(layer).from_config(config)


def apply_part(layer: keras.layers.Layer, part: Part, value: Tensor, training: bool) -> Tensor:
    """Return the value of a part that computes each step by itself.

    Args:
        layer: the part's Keras layer.
        part: the part.
        value: ``... x fed``.
        training: whether dropout draws.

    Raises:
        CellError: the output does not have the width that the part declares.
    """
    if part.kind == "norm" and (groups := part.options["groups"]) > 1:
        shape = tf.shape(value)
        size = part.width // groups
        apart = layer(tf.reshape(value, tf.concat([shape[:-1], [groups, size]], 0)))
        return tf.ensure_shape(tf.reshape(apart, shape), value.shape)
    if part.kind == "dropout":
        return layer(value, training=training)
    returned = layer(value)
    if returned.shape[-1] != part.width:
        raise CellError(
            f"the part {part.name!r} declares the width {part.width}, but its Keras layer returns "
            f"{returned.shape[-1]}; write width={returned.shape[-1]}"
        )
    return returned


class CausalConvolution(keras.layers.Layer):
    r"""A convolution that reads the last valid inputs: masked steps are skipped.

    ``y_t = sum_k w_k x_{t-k} + b``, with $k$ from 0 to ``kernel`` - 1; steps of an earlier sequence
    count as zero. Keras' `DepthwiseConv1D` would read masked steps and look across resets.

    Args:
        kernel: the number of steps that are read.
        width: the number of outputs, with a matrix for each step; None for a depthwise convolution,
            with one weight for each channel and step.
        use_bias: whether a bias is added.
        seed: seed of the initial weights.

    Reference: Dauphin et al., Language modeling with gated convolutional networks (2017),
        arXiv:1612.08083
    """

    def __init__(
        self, kernel: int, width: int | None, use_bias: bool, seed: int, **keras_options: Any
    ) -> None:
        super().__init__(**keras_options)
        self.size, self.width, self.use_bias, self.seed = kernel, width, use_bias, seed

    def build(self, input_shape: Sequence[int]) -> None:
        """Create the weights."""
        *_, fed = input_shape
        depthwise = self.width is None
        limit = 1 / math.sqrt(self.size if depthwise else self.size * fed)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.size, fed) if depthwise else (self.size, fed, self.width),
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.width or fed,), initializer="zeros"
            )
        self.built = True

    def call(self, x: Tensor, history: Tensor, order: Order) -> tuple[Tensor, Tensor]:
        """Return the output, and the last inputs for the next call.

        Args:
            x: ``batch x time x width``, finite at masked steps.
            history: the last inputs before x, ``batch x (kernel - 1) x width``.
            order: the valid steps of x.
        """
        before = self.size - 1
        packed = tf.concat([history, order.packed(x)], 1)
        current, segments = order.segments, None
        if current is not None:
            earlier = tf.zeros([tf.shape(x)[0], before], tf.int32)
            segments = tf.concat([earlier, order.packed(current)], 1)
        kernel = tf.convert_to_tensor(self.kernel)
        total: Tensor = 0.0
        for back in range(self.size):
            tap = order.taken(packed, before - back)
            if current is not None and back:
                same = order.taken(segments, before - back) == current
                tap = tf.where(same[:, :, None], tap, tf.zeros_like(tap))
            weight = kernel[back]
            total += tap * weight if self.width is None else tf.matmul(tap, weight)
        if self.use_bias:
            total += tf.convert_to_tensor(self.bias)
        last = order.last(packed, before)
        if current is not None:
            same = order.last(segments, before) == last_step(current)
            last = tf.where(same[:, :, None], last, tf.zeros_like(last))
        return total, last
