"""Operations that all executors use within a step: linear maps, normalisation, gates, equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import CellError, listed
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import evaluate

from . import tensor_ops
from .packing import joined

Linear = Callable[[str, BuiltRead], Tensor]
"""Returns the term that one read of a gate adds to its pre-activation."""

assert tensor_ops.TABLE  # importing the module enables `ops` on tensors


def product(u: Tensor, matrix: Tensor, dtype: tf.DType) -> Tensor:
    """Return ``u @ matrix`` computed in ``dtype`` and returned in the type of ``u``.

    The gradient of the matrix is summed over rows in the type of ``u``, so sums over time lose no
    digits.

    Args:
        u: ``... x width_in``.
        matrix: ``width_in x width_out``.
        dtype: the type that the product runs in.
    """
    if u.dtype == dtype:
        return _flat_product(u, matrix)

    @tf.custom_gradient
    def low_precision(u: Tensor, matrix: Tensor) -> Tensor:
        z = tf.cast(_flat_product(tf.cast(u, dtype), tf.cast(matrix, dtype)), u.dtype)

        def grad(dz: Tensor) -> tuple[Tensor, Tensor]:
            du = _flat_product(tf.cast(dz, dtype), tf.transpose(tf.cast(matrix, dtype)))
            rows = tf.reshape(u, [-1, u.shape[-1]])
            return tf.cast(du, u.dtype), tf.matmul(
                rows, tf.reshape(dz, [-1, dz.shape[-1]]), transpose_a=True
            )

        return z, grad

    return low_precision(u, matrix)


def biased_product(u: Tensor, matrix: Tensor, bias: Tensor) -> Tensor:
    """Return ``u @ matrix + bias``, with the bias as one more row of the matrix.

    This saves a pass over memory forward and a reduction backward. Use it only in full precision: a
    product in low precision would round the bias.

    Args:
        u: ``... x width_in``.
        matrix: ``width_in x width_out``.
        bias: ``width_out``.
    """
    ones = tf.ones_like(u[..., :1])
    return _flat_product(joined([u, ones]), joined([matrix, bias[None]], 0))


def _flat_product(u: Tensor, matrix: Tensor) -> Tensor:
    if len(u.shape) == 2:
        return tf.matmul(u, matrix)
    rows = tf.matmul(tf.reshape(u, [-1, u.shape[-1]]), matrix)
    return tf.reshape(rows, tf.concat([tf.shape(u)[:-1], [matrix.shape[-1]]], 0))


def apply_map(read: BuiltRead, u: Tensor, weights: Mapping[str, Tensor], dtype: tf.DType) -> Tensor:
    """Apply a read's map to ``u``, ``... x width_in``; the result is ``... x width_out``.

    The result has the type of ``u``.
    """
    own = {suffix: weights[name] for suffix, name in read.weights.items()}
    if read.map.has_matrix():
        return product(u, read.map.matrix(own), dtype)
    if read.map.row_wise or u.dtype == dtype:
        return read.map.apply(u, own)
    low = {suffix: tf.cast(w, dtype) for suffix, w in own.items()}
    return tf.cast(read.map.apply(tf.cast(u, dtype), low), u.dtype)


def normalised(parts: list[Tensor], epsilon: float) -> list[Tensor]:
    """Return the parts, each ``... x width``, normalised by their common mean and variance."""
    whole = joined(parts)
    mean = tf.reduce_mean(whole, -1, keepdims=True)
    centred = whole - mean
    variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    result = centred * tf.math.rsqrt(variance + epsilon)
    return tf.split(result, [p.shape[-1] for p in parts], -1) if len(parts) > 1 else [result]


def value_of(cell: Cell, node: Node, env: dict[str, Tensor], pre: Tensor, like: Tensor) -> Tensor:
    """Return the node's value; store the value and the node's own new states in ``env``.

    Args:
        cell: the built cell.
        node: the node.
        env: values by key: signals, previous values, parameters, constants.
        pre: the pre-activation, ``... x units``, or None if the node has none.
        like: any tensor with the leading axes and the type of the signals.

    Raises:
        CellError: a gate returned something of the wrong shape or type.
    """
    if node.kind == "equation":
        value = evaluate(node.expr, env, cell.spec.functions)  # type: ignore[arg-type]
    elif node.kind == "norm":
        inner = normalised([env[node.source]], node.epsilon)[0]
        value = inner * env[node.scale] + env[node.offset]
    else:
        value, new = _call(node, env, pre)
        for name, key in node.own_states:
            env[key] = _checked(node, new[name], like, f"state {name}", cell.widths[key])
    value = _checked(node, value, like, "value", node.width)
    env[node.name] = value
    return value


def _call(
    node: Node, env: Mapping[str, Tensor], pre: Tensor
) -> tuple[Tensor, Mapping[str, Tensor]]:
    assert node.declared is not None
    values = {arg: pre if key.startswith("pre:") else env[key] for arg, key in node.arguments}
    try:
        returned = node.declared.compute(values)
    except Exception as error:
        error.add_note(f"raised in the gate {node.name!r}: {node.declared.definition()}")
        raise
    declared = [name for name, _ in node.own_states]
    where = f"gate {node.name!r}: {node.declared.definition()}"
    if not isinstance(returned, tuple):
        if declared:
            raise CellError(
                f"{where} declares states, but returns none; return (value, {{name: new state}})"
            )
        return returned, {}
    if len(returned) != 2 or not isinstance(returned[1], Mapping):
        raise CellError(f"{where} returns a tuple that is not (value, {{name: new state}})")
    value, new = returned
    if set(new) != set(declared):
        raise CellError(
            f"{where} returns the states {listed(new)}, but declares {listed(declared)}"
        )
    return value, new


def _checked(node: Node, value: Tensor, like: Tensor, what: str, width: int) -> Tensor:
    where = f"{node.kind} {node.name!r}: its {what}"
    if isinstance(value, (int, float)) and node.kind == "equation":
        value = tf.fill([*([1] * (len(like.shape) - 1)), 1], tf.constant(value, like.dtype))
    if not tf.is_tensor(value):
        raise CellError(
            f"{where} has the type {type(value).__name__}, but a tensor is expected; use "
            "gatekit.ops and operators, which return tensors"
        )
    if value.dtype != like.dtype:
        raise CellError(
            f"{where} is {value.dtype.name}, but the layer computes in {like.dtype.name}"
        )
    rank = len(like.shape)
    if value.shape.rank is not None and value.shape.rank < rank:
        # The value is a constant or a parameter, without a batch axis.
        value = tf.broadcast_to(value, tf.concat([tf.shape(like)[:-1], tf.shape(value)[-1:]], 0))
    if value.shape.rank is not None and (value.shape.rank != rank or value.shape[-1] != width):
        raise CellError(f"{where} has the shape {tuple(value.shape)}; batch x {width} is expected")
    if node.kind == "equation" and value.shape[:-1] != like.shape[:-1]:
        value = tf.broadcast_to(value, tf.concat([tf.shape(like)[:-1], [width]], 0))
    return value


def pre_activation(
    cell: Cell,
    node: Node,
    linear: Linear,
    weights: Mapping[str, Tensor],
) -> Tensor:
    """Return the node's pre-activation ``... x units``, or None if it has no reads and no bias.

    ``pre = sum_r z_r + bias``; a gate may normalise each ``z_r`` or their sum.

    Args:
        cell: the built cell.
        node: a gate or output node.
        linear: returns ``z_r``, given a gate and one of its reads.
        weights: weights by name.
    """
    if not node.reads and node.bias is None:
        return None
    if node.norm is not None and node.norm.of == "sum":
        members = [cell.node(m) for m in node.norm.group]
        sums = [total([linear(m.name, r) for r in m.reads]) for m in members]
        position = node.norm.group.index(node.name)
        parts = [normalised(sums, node.norm.epsilon)[position] * weights[str(node.norm_scale)]]
    elif node.norm is not None:
        parts = [
            normalised_read(cell, node, read, linear) * weights[str(read.scale)]
            for read in node.reads
        ]
    else:
        parts = [linear(node.name, read) for read in node.reads]
    if node.bias is not None:
        parts.append(weights[node.bias])
    return total(parts)


def normalised_read(cell: Cell, node: Node, read: BuiltRead, linear: Linear) -> Tensor:
    """Return one read of a gate, normalised jointly with the same read of its group's gates."""
    assert node.norm is not None
    values: list[Tensor] = []
    position = 0
    for member in node.norm.group:
        for other in cell.node(member).reads:
            if other.text == read.text:
                if member == node.name:
                    position = len(values)
                values.append(linear(member, other))
    return normalised(values, node.norm.epsilon)[position]


def total(parts: list[Tensor]) -> Tensor:
    """Return the sum of the parts, left to right."""
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result
