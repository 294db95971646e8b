"""The TensorFlow implementation of `gatekit.cell.language.ops`."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language import ops


def _block_product(u: Tensor, blocks: Tensor) -> Tensor:
    count, width, out = blocks.shape
    # The gradient of an einsum would sum over all but the last axis after its products.
    rows = tf.transpose(tf.reshape(u, [-1, count, width]), [1, 0, 2])
    product = tf.transpose(tf.matmul(rows, blocks), [1, 0, 2])
    return tf.reshape(product, tf.concat([tf.shape(u)[:-1], [count * out]], 0))


def _reshaped(x: Tensor, axes: int, *sizes: int) -> Tensor:
    """Return the tensor with its last axes reshaped to these sizes."""
    return tf.reshape(x, tf.concat([tf.shape(x)[:-axes], sizes], 0))


def _repeat(x: Tensor, n: Tensor) -> Tensor:
    # The gradient of tf.repeat needs shapes that XLA does not know in a loop.
    parts = tf.stack([x] * int(n), -1)
    return tf.reshape(parts, tf.concat([tf.shape(x)[:-1], [x.shape[-1] * int(n)]], 0))


def _variance(x: Tensor) -> Tensor:
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    return tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)


def _of_one_type(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the function with plain numbers converted to the type of the tensor arguments."""

    def call(*values: Tensor) -> Tensor:
        like = next(value for value in values if tf.is_tensor(value))
        return function(*(tf.convert_to_tensor(v, like.dtype) for v in values))

    return call


TABLE: dict[str, Callable[..., Tensor]] = {
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "softplus": tf.nn.softplus,
    "exp": tf.exp,
    "log": tf.math.log,
    "sqrt": tf.sqrt,
    "abs": tf.abs,
    "square": tf.square,
    "sin": tf.sin,
    "cos": tf.cos,
    "hard_sigmoid": lambda x: tf.clip_by_value(x / 6.0 + 0.5, 0.0, 1.0),
    "silu": lambda x: x * tf.sigmoid(x),
    "log_sigmoid": tf.math.log_sigmoid,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    # tf.nn.gelu computes in single precision, whatever the type of its argument.
    "gelu": lambda x: x * (0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))),
    "softsign": tf.nn.softsign,
    "modrelu": lambda x, b: tf.sign(x) * tf.nn.relu(tf.abs(x) + b),
    "expm1": tf.math.expm1,
    "log1p": tf.math.log1p,
    "sign": tf.sign,
    "clip": lambda x, low, high: tf.minimum(tf.maximum(x, low), high),
    "where": lambda x, a, b: tf.where(x > 0, a, b),
    "stop": tf.stop_gradient,
    "minimum": tf.minimum,
    "maximum": tf.maximum,
    "softmax": lambda x: tf.nn.softmax(x, axis=-1),
    "cumsum": lambda x: tf.cumsum(x, axis=-1),
    "cumax": lambda x: tf.cumsum(tf.nn.softmax(x, axis=-1), axis=-1),
    "sum": lambda x: tf.reduce_sum(x, axis=-1, keepdims=True),
    "mean": lambda x: tf.reduce_mean(x, axis=-1, keepdims=True),
    "var": _variance,
    "repeat": _repeat,
    "outer": lambda a, b: a[..., :, None] * b[..., None, :],
    "matvec": lambda m, v: tf.reduce_sum(m * v[..., None, :], axis=-1),
    "vecmat": lambda v, m: tf.reduce_sum(v[..., :, None] * m, axis=-2),
    "dot": lambda a, b: tf.reduce_sum(a * b, axis=-1, keepdims=True),
    "transpose": tf.linalg.matrix_transpose,
    "split": lambda x, n: _reshaped(x, 1, int(n), x.shape[-1] // int(n)),
    "flat": lambda m: _reshaped(m, 2, m.shape[-2] * m.shape[-1]),
    "column": lambda v: v[..., :, None],
    "row": lambda v: v[..., None, :],
    "eye_like": lambda m: tf.eye(m.shape[-1], dtype=m.dtype),
    "block_product": _block_product,
}

_ELEMENTWISE = [
    f.name for f in ops.FUNCTIONS.values() if f.name in TABLE and f.kind == "elementwise"
]
TABLE |= {name: _of_one_type(TABLE[name]) for name in _ELEMENTWISE}
ops.add_backend(tf.is_tensor, TABLE)
