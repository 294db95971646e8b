"""Keras layers of the operations that a block declares."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.sequence import (
    EPSILON,
    Convolve,
    Drop,
    Embed,
    Linear,
    Normal,
    Operation,
    Own,
    PartWeight,
)
from gatekit.cell.errors import CellError, ConfigError
from gatekit.cell.language.expression import evaluate
from gatekit.cell.language.ops import FUNCTIONS
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


def keras_part(
    part: Operation, name: str, policy: keras.DTypePolicy, seed: int
) -> keras.layers.Layer:
    """Return the Keras layer of an operation, built.

    Args:
        part: the operation; not the recurrent layer.
        name: the layer's name.
        policy: the dtype policy of the layer.
        seed: seed of its initial weights and of its noise.

    Raises:
        ConfigError: the layer does not have as many weights as the operation declares.
        CellError: the function of a custom part does not return a Keras layer.
    """
    given: dict[str, Any] = {"name": name, "dtype": policy}
    groups = 1
    match part:
        case Normal(norm=norm):
            groups = part.groups
            rms = norm == "rms"
            of_kind = keras.layers.RMSNormalization if rms else keras.layers.LayerNormalization
            layer = of_kind(epsilon=EPSILON, **given)
        case Linear():
            start = _first(part.weights[0], seed)
            layer = keras.layers.Dense(
                part.width, use_bias=len(part.weights) > 1, kernel_initializer=start, **given
            )
        case Embed():
            start = _first(part.weights[0], seed)
            layer = keras.layers.Embedding(
                part.tokens, part.width, embeddings_initializer=start, **given
            )
        case Convolve():
            layer = CausalConvolution(part, seed, **given)
        case Drop():
            layer = Dropout(part.rate, seed=seed, **given)
        case Own():
            layer = _own_layer(part, given, seed)
        case _:
            layer = EquationLayer(part, seed, **given)
    layer.build((None, None, *([groups] if groups > 1 else []), part.fed // groups))
    if layer.count_params() != part.count:
        raise ConfigError(
            f"the part {part.name!r} declares {part.count:,} weights, but its Keras layer "
            f"has {layer.count_params():,}; write count={layer.count_params()}"
        )
    return layer


def _own_layer(part: Own, given: dict[str, Any], seed: int) -> keras.layers.Layer:
    """Return a custom part's layer with this name, type and, where it has none, seed."""
    layer = part.make()
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


def apply_part(layer: keras.layers.Layer, part: Operation, value: Tensor, training: bool) -> Tensor:
    """Return the value of an operation that computes each step by itself.

    Args:
        layer: its Keras layer.
        part: the operation.
        value: ``... x fed``.
        training: whether dropout draws.

    Raises:
        CellError: the output does not have the width that the part declares.
    """
    if isinstance(part, Normal) and (groups := part.groups) > 1:
        shape = tf.shape(value)
        size = part.width // groups
        apart = layer(tf.reshape(value, tf.concat([shape[:-1], [groups, size]], 0)))
        return tf.ensure_shape(tf.reshape(apart, shape), value.shape)
    if isinstance(part, Drop):
        return layer(value, training=training)
    returned = layer(value)
    if returned.shape[-1] != part.width:
        raise CellError(
            f"the part {part.name!r} declares the width {part.width}, but its Keras layer returns "
            f"{returned.shape[-1]}; write width={returned.shape[-1]}"
        )
    return returned


class PartLayer(keras.layers.Layer):
    """The weights that an operation declares.

    Args:
        part: the operation.
        seed: seed of the initial weights.
    """

    def __init__(self, part: Operation, seed: int, **keras_options: Any) -> None:
        super().__init__(**keras_options)
        self.part, self.seed = part, seed

    def build(self, input_shape: Sequence[int]) -> None:
        """Create the weights."""
        self.own = [
            self.add_weight(name=w.name, shape=w.shape, initializer=_first(w, self.seed))
            for w in self.part.weights
        ]
        self.built = True


class EquationLayer(PartLayer):
    """The value of an operation by its equation."""

    def call(self, x: Tensor) -> Tensor:
        """Return the value of each step.

        Args:
            x: ``... x width``.
        """
        own = map(tf.convert_to_tensor, self.own)
        env = {w.name: value for w, value in zip(self.part.weights, own, strict=True)}
        return evaluate(self.part.equation, {"x": x, **env}, FUNCTIONS)


def _first(weight: PartWeight, seed: int) -> keras.initializers.Initializer | str:
    """Return the Keras initializer of a weight."""
    if weight.first == "glorot":
        return keras.initializers.GlorotUniform(seed=seed)
    if weight.first == "uniform":
        return keras.initializers.RandomUniform(-weight.limit, weight.limit, seed=seed)
    if weight.first == "normal":
        return keras.initializers.RandomNormal(0.0, weight.limit, seed=seed)
    return weight.first


class CausalConvolution(PartLayer):
    r"""A convolution that reads the last valid inputs: masked steps are skipped.

    ``y_t = sum_k w_k x_{t-k} + b``, with $k$ from 0 to ``kernel`` - 1; steps of an earlier sequence
    count as zero. Keras' `DepthwiseConv1D` would read masked steps and look across resets.

    Args:
        part: the operation.
        seed: seed of the initial weights.

    Reference: Dauphin et al., Language modeling with gated convolutional networks (2017),
        arXiv:1612.08083
    """

    part: Convolve

    def call(self, x: Tensor, history: Tensor, order: Order) -> tuple[Tensor, Tensor]:
        """Return the output, and the last inputs for the next call.

        Args:
            x: ``batch x time x width``, finite at masked steps.
            history: the last inputs before x, ``batch x (kernel - 1) x width``.
            order: the valid steps of x.
        """
        kernel, *bias = map(tf.convert_to_tensor, self.own)
        before = self.part.kernel - 1
        packed = tf.concat([history, order.packed(x)], 1)
        current, segments = order.segments, None
        if current is not None:
            earlier = tf.zeros([tf.shape(x)[0], before], tf.int32)
            segments = tf.concat([earlier, order.packed(current)], 1)
        total: Tensor = 0.0
        for back in range(self.part.kernel):
            tap = order.taken(packed, before - back)
            if current is not None and back:
                same = order.taken(segments, before - back) == current
                tap = tf.where(same[:, :, None], tap, tf.zeros_like(tap))
            weight = kernel[back]
            total += tf.matmul(tap, weight) if self.part.full else tap * weight
        for each in bias:
            total += each
        last = order.last(packed, before)
        if current is not None:
            same = order.last(segments, before) == last_step(current)
            last = tf.where(same[:, :, None], last, tf.zeros_like(last))
        return total, last
