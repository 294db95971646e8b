"""A step in TensorFlow: `compute` evaluates signals by the operations of the cell's program.

Executors with products of their own give it pre-activations, and use the functions for their parts:
linear maps, normalisation, sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import CellError, listed
from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import Expr, Name, Number, applied, children, evaluate
from gatekit.cell.program import Apply, Drop, Linear, Norm, Op, Opaque, Sum, outs

from . import tensor_ops
from .packing import joined
from .problem import Problem

Reader = Callable[[str, BuiltRead], Tensor]
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


def compute(
    problem: Problem,
    signals: Iterable[str],
    env: dict[str, Tensor],
    like: Tensor,
    pre: Tensor | None = None,
) -> None:
    """Compute signals in order, and add their values to ``env``.

    Matrices are stored as vectors, their rows one after another. A value that the cell does not
    name, such as a read or its operand, is computed for each gate that needs it, so gradients are
    added gate by gate.

    Args:
        problem: the call.
        signals: names of signals and of gates' own states; those of a gate in one call.
        env: values by name: inputs, previous values, weights, constants, and what the signals read.
        like: any tensor with the leading axes and the type of the signals.
        pre: the pre-activation of the signals' gate, if it is computed already.

    Raises:
        CellError: a gate returned something of the wrong shape or type.
    """
    step = _Step(problem, env, like, pre)
    ops = (problem.program.source[name] for name in signals)
    for op in {id(op): op for op in ops}.values():
        step.signal(op)


def compute_as(
    problem: Problem, name: str, expr: Expr, env: dict[str, Tensor], like: Tensor
) -> None:
    """Compute a signal by another expression of values in ``env`` than its equation; see `compute`.

    Args:
        problem: the call.
        name: the signal.
        expr: the expression; unlike equations, it is of vectors.
        env: values by name.
        like: any tensor with the leading axes and the type of the signals.
    """
    value = evaluate(expr, env, problem.program.functions)
    env[name] = _Step(problem, env, like).checked(Apply(name, expr), name, value)


class _Step:
    """Evaluates operations of a program; see `compute`."""

    def __init__(
        self,
        problem: Problem,
        env: dict[str, Tensor],
        like: Tensor,
        pre: Tensor | None = None,
    ) -> None:
        self.problem, self.env, self.like, self.pre = problem, env, like, pre
        self.program, self.cell = problem.program, problem.cell
        # Values without a name of the cell that signals of this call read: pre-activations.
        self.inner: dict[str, Tensor] = {}

    def signal(self, op: Op) -> None:
        """Add the value of a signal; a gate that is not an expression adds its states, too."""
        assert isinstance(op, (Apply, Opaque))
        for read in op.reads:
            if read not in self.env and read not in self.inner:
                given = self.pre is not None and isinstance(self.program.source[read], Sum)
                self.inner[read] = self.pre if given else self.value(read)
        values = (self.expression(op),) if isinstance(op, Apply) else self.returned(op)
        for out, value in zip(outs(op), values, strict=True):
            self.env[out] = self.checked(op, out, value)

    def value(self, name: str) -> Tensor:
        """Return a value; what ``env`` lacks is computed."""
        for known in (self.env, self.inner):
            if name in known:
                return known[name]
        op = self.program.source[name]
        if isinstance(op, Linear):
            return apply_map(op, self.value(op.of), self.env, self.problem.matmul_dtype)
        if isinstance(op, Sum):
            return total([self.value(part) for part in op.parts])
        if isinstance(op, Norm):
            parts = normalised([self.value(part) for part in op.of], op.epsilon)
            return parts[op.outs.index(name)]
        if isinstance(op, Drop):
            u, masks = self.value(op.of), self.problem.dropout_masks
            return u * masks[op.text] if op.text in masks else u
        assert isinstance(op, Apply)
        values = {read: self.value(read) for read in op.reads}
        return evaluate(op.expr, values, self.program.functions)

    def expression(self, op: Apply) -> Tensor:
        """Return the value of an expression; a part that is one object is computed once.

        A function that uses a local variable twice is traced to such parts.
        """
        functions, done = self.program.functions, dict[int, Tensor]()

        def of(expr: Expr) -> Tensor:
            if isinstance(expr, Number):
                return expr.value
            if isinstance(expr, Name):
                value = self.value(expr.name)
                for rows in self.program.shapes[expr.name][:-1]:
                    value = functions["split"](value, rows)
                return value
            if id(expr) not in done:
                inner = [of(child) for child in children(expr)]
                done[id(expr)] = applied(expr, inner, functions)
            return done[id(expr)]

        value = of(op.expr)
        for _ in self.program.shapes[op.out][1:]:
            value = functions["flat"](value)
        return value

    def returned(self, op: Opaque) -> tuple[Tensor, ...]:
        """Return the value and the new states that a function returns."""
        where = f"gate {op.outs[0]!r}: {op.unit.definition()}"
        try:
            returned = op.unit.compute({a: self.value(key) for a, key in op.arguments})
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


def pre_activation(
    cell: Cell,
    node: Node,
    linear: Reader,
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


def normalised_read(cell: Cell, node: Node, read: BuiltRead, linear: Reader) -> Tensor:
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
