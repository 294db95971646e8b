"""A step in TensorFlow: the values of the cell's program, and the functions for their parts.

`compute` is all that a step needs. Executors that share products are kinds of `ProgramValues` with
another `linear`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import CellError, listed
from gatekit.cell.graph import BuiltRead, Cell
from gatekit.cell.language.expression import Expr, Name, Number, applied, children, evaluate
from gatekit.cell.program import Apply, Drop, Linear, Norm, Op, Opaque, Sum, lower, outs

from . import tensor_ops
from .packing import joined
from .problem import Problem

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


def apply_map(
    read: BuiltRead | Linear, u: Tensor, weights: Mapping[str, Tensor], dtype: tf.DType
) -> Tensor:
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


def compute(problem: Problem, signals: Iterable[str], env: dict[str, Tensor], like: Tensor) -> None:
    """Compute signals in order, and add their values to ``env``.

    Args:
        problem: the call.
        signals: names of signals and of gates' own states; those of a gate in one call.
        env: values by name: inputs, previous values, weights, constants, and what the signals read.
        like: any tensor with the leading axes and the type of the signals.

    Raises:
        CellError: a gate returned something of the wrong shape or type.
    """
    values = ProgramValues(problem.cell, env, like, problem.matmul_dtype, problem.dropout_masks)
    values.compute(signals)


class ProgramValues:
    """The values of a program, for one step or for many; each is computed where it is read.

    Matrices are stored as vectors, their rows one after another. A value that the cell does not
    name, such as a read or its operand, is computed for each gate that needs it, so gradients are
    added gate by gate.

    Args:
        cell: the built cell.
        env: values by name: inputs, previous values, weights and constants. Signals are added.
        like: any tensor with the leading axes and the type of the signals.
        matmul_dtype: the type that matrix products run in.
        dropout_masks: masks of recurrent reads by the read's text.
    """

    added: Collection[str] = ()
    """The biases that a product of `linear` has added already."""

    def __init__(
        self,
        cell: Cell,
        env: dict[str, Tensor],
        like: Tensor,
        matmul_dtype: tf.DType,
        dropout_masks: Mapping[str, Tensor],
    ) -> None:
        self.cell, self.program = cell, lower(cell)
        self.env, self.like = env, like
        self.matmul_dtype, self.dropout_masks = matmul_dtype, dropout_masks
        # Values without a name of the cell that signals read: pre-activations.
        self.inner: dict[str, Tensor] = {}

    def compute(self, signals: Iterable[str]) -> None:
        """Compute signals in order, given their names; see the function `compute`."""
        ops = (self.program.source[name] for name in signals)
        for op in {id(op): op for op in ops}.values():
            self.signal(op)

    def signal(self, op: Op) -> None:
        """Add the value of a signal; a gate that is not an expression adds its states, too."""
        assert isinstance(op, (Apply, Opaque))
        for read in op.reads:
            if read not in self.env and read not in self.inner:
                self.inner[read] = self[read]
        values = (self.expression(op),) if isinstance(op, Apply) else self.returned(op)
        for out, value in zip(outs(op), values, strict=True):
            self.env[out] = self.checked(op, out, value)

    def __getitem__(self, name: str) -> Tensor:
        """Return a value; what ``env`` lacks is computed."""
        for known in (self.env, self.inner):
            if name in known:
                return known[name]
        op = self.program.source[name]
        if isinstance(op, Linear):
            return self.linear(op)
        if isinstance(op, Sum):
            return self.sum(op)
        if isinstance(op, Norm):
            parts = normalised([self[part] for part in op.of], op.epsilon)
            return parts[op.outs.index(name)]
        if isinstance(op, Drop):
            u, masks = self[op.of], self.dropout_masks
            return u * masks[op.text] if op.text in masks else u
        assert isinstance(op, Apply)
        return evaluate(op.expr, {n: self[n] for n in op.reads}, self.program.functions)

    def linear(self, op: Linear) -> Tensor:
        """Return the result of a linear operation."""
        return apply_map(op, self[op.of], self.env, self.matmul_dtype)

    def sum(self, op: Sum) -> Tensor:
        """Return a sum."""
        return total([self[part] for part in op.parts if part not in self.added])

    def matrix(self, name: str) -> Tensor:
        """Return a value in its shape; a value of an executor has its shape already."""
        value = self[name]
        for rows in self.program.shapes.get(name, ())[:-1]:
            value = self.program.functions["split"](value, rows)
        return value

    def of(self, expr: Expr, done: dict[int, Tensor] | None = None) -> Tensor:
        """Return the value of an expression in its shape; that of a number is a plain number.

        Args:
            expr: the expression.
            done: values of parts by id; a part that is one object is computed once.
        """
        if isinstance(expr, Number):
            return expr.value
        if isinstance(expr, Name):
            return self.matrix(expr.name)
        if done is not None and id(expr) in done:
            return done[id(expr)]
        inner = [self.of(child, done) for child in children(expr)]
        value = applied(expr, inner, self.program.functions)
        if done is not None:
            done[id(expr)] = value
        return value

    def expression(self, op: Apply) -> Tensor:
        """Return the value of an operation as it is stored.

        A function that uses a local variable twice is traced to parts that are one object.
        """
        value = self.of(op.expr, {})
        for _ in self.program.shapes[op.out][1:]:
            value = self.program.functions["flat"](value)
        return value

    def returned(self, op: Opaque) -> tuple[Tensor, ...]:
        """Return the value and the new states that a function returns."""
        where = f"gate {op.outs[0]!r}: {op.unit.definition()}"
        try:
            returned = op.unit.compute({a: self[key] for a, key in op.arguments})
        except Exception as error:
            error.add_note(f"raised in the {where}")
            raise
        if not isinstance(returned, tuple):
            if op.states:
                raise CellError(
                    f"{where} declares states, but returns none; return (value, {{name: new "
                    "state}})"
                )
            return (returned,)
        if len(returned) != 2 or not isinstance(returned[1], Mapping):
            raise CellError(f"{where} returns a tuple that is not (value, {{name: new state}})")
        value, new = returned
        if set(new) != set(op.states):
            raise CellError(
                f"{where} returns the states {listed(new)}, but declares {listed(op.states)}"
            )
        return (value, *(new[name] for name in op.states))

    def checked(self, op: Apply | Opaque, out: str, value: Tensor) -> Tensor:
        """Return a signal's value of all rows, after checks of its type and shape."""
        like, width = self.like, self.cell.widths[out]
        if isinstance(value, (int, float)) and isinstance(op, Apply):
            value = tf.fill([*([1] * (len(like.shape) - 1)), 1], tf.constant(value, like.dtype))
        if not tf.is_tensor(value):
            raise CellError(
                f"{self.named(out)} has the type {type(value).__name__}, but a tensor is expected; "
                "use gatekit.ops and operators, which return tensors"
            )
        if value.dtype != like.dtype:
            raise CellError(
                f"{self.named(out)} is {value.dtype.name}, "
                f"but the layer computes in {like.dtype.name}"
            )
        rank, lead = len(like.shape), like.shape[:-1]
        if value.shape.rank is not None and value.shape.rank < rank:
            # The value is a constant or a parameter, without a batch axis.
            whole = tf.concat([tf.shape(like)[:-1], tf.shape(value)[-1:]], 0)
            value = tf.broadcast_to(value, whole)
        if value.shape.rank is not None and (value.shape.rank != rank or value.shape[-1] != width):
            shape = tuple(value.shape)
            raise CellError(f"{self.named(out)} has the shape {shape}; batch x {width} is expected")
        if isinstance(op, Apply) and value.shape[:-1] != lead:
            value = tf.broadcast_to(value, tf.concat([tf.shape(like)[:-1], [width]], 0))
        return value

    def named(self, out: str) -> str:
        """Return what a signal is, for messages."""
        node = next(node for node in self.cell.nodes if out in node.signals)
        what = "value" if out == node.name else f"state {out.removeprefix(f'{node.name}.')}"
        return f"{node.kind} {node.name!r}: its {what}"


def total(parts: list[Tensor]) -> Tensor:
    """Return the sum of the parts, left to right."""
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result
