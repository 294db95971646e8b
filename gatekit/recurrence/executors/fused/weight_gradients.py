r"""The gradients of weights, computed after the backward loop from the values that it saved.

$\bar W = \sum_t [x_t, 1, u_t]^\top \bar z_t$, one product over time x batch.
"""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Node
from gatekit.cell.language.expression import Expr, Name
from gatekit.recurrence.packing import compiled, side_by_side, split
from gatekit.recurrence.step import apply_map

from .forward import Loop
from .residuals import Residuals, Steps, Values
from .schedule import LoopSchedule, StepProduct
from .tensors import LoopTensors

# How many rows of batch x time one block's product sums over: few enough to stay in the cache.
_ROWS = 1024


def saved_entries(schedule: LoopSchedule) -> dict[str, dict[str, int]]:
    r"""Return the values that the backward loop saves at each step, as entries of `Residuals`.

    The entry of a product is $\bar z$ of its groups, side by side; ``d:SEQUENCE`` is the gradient
    of a sequence, and ``u:TEXT`` the operand of a read, unless it is a state or a sequence.
    """
    products = {p.key: {f"d:{g.key}": g.width for g in p.groups} for p in schedule.products}
    single = {f"d:{key}": schedule.widths[key] for key in schedule.extra_sequences}
    single |= {key: width for key, (_, width) in schedule.saved_operands.items()}
    return products | {key: {key: width} for key, width in single.items()}


class WeightGradients:
    """The gradients of all tensors of a loop.

    Args:
        loop: the loop.
        tensors: its tensors.
        residuals: the values that the forward loop saved.
        adjoints: the values that the backward loop saved in the same layout; see `saved_entries`.
    """

    def __init__(
        self, loop: Loop, tensors: LoopTensors, residuals: Residuals, adjoints: Residuals
    ) -> None:
        self.loop, self.schedule, self.tensors = loop, loop.schedule, tensors
        self.residuals, self.adjoints = residuals, adjoints
        self.of_products = {p.key: adjoints.saved(p.key) for p in loop.schedule.products}

    def all(self, first: Values, weights: Values, reset_values: Values) -> LoopTensors:
        """Return the gradients of all tensors of the loop.

        Args:
            first: gradients of the initial states.
            weights: gradients of row-wise weights by name; those of vectors are still per row.
            reset_values: gradients of the learned initial states to which resets return.
        """
        tensors, schedule = self.tensors, self.schedule
        row_wise = {
            name: tf.reduce_sum(d, 0) if tensors.weights[name].shape.rank == 1 else d
            for name, d in weights.items()
        }
        of_weights = {**self.unfused(), **row_wise}
        sequences = None
        if tensors.sequences is not None:
            sequences = self.adjoints.columns([schedule.gradient_key(k) for k in schedule.widths])
        return LoopTensors(
            input_columns=self.input_columns(),
            sequences=sequences,
            matrices={p.key: self.matrix(p) for p in schedule.products},
            biases={
                key: tf.reduce_sum(self.adjoints.columns([f"d:{key}"]), [0, 1])
                for key in tensors.biases
            },
            weights={name: of_weights[name] for name in tensors.weights},
            dropout_masks={
                text: tf.zeros_like(drop) for text, drop in tensors.dropout_masks.items()
            },
            states=dict(first),
            reset_values=dict(reset_values),
        )

    def matrix(self, product: StepProduct) -> Tensor:
        r"""Return $\sum_t [x_t, 1, u_t]^\top \bar z_t$ of a product."""
        left = [self.read(product.expr, product.text, dropped=True)]
        if product.takes_input:
            left.insert(0, Steps.of_tensor(self.tensors.input_columns))
        loop = self.loop
        rows = None if None in loop.static else loop.static[0] * loop.static[1]
        return summed_product(left, self.of_products[product.key], loop.steps, loop.batch, rows)

    def input_columns(self) -> Tensor:
        r"""Return $\sum \bar z_t W_x^\top$ over the products that take inputs, for all steps."""
        columns = self.tensors.input_columns
        total = None
        for product in self.schedule.products:
            if product.takes_input:
                d = tf.reshape(self.of_products[product.key].whole(), [-1, product.width])
                own = self.tensors.matrices[product.key]
                own = own[: self.loop.input_rows(product, self.tensors)]
                own = tf.cast(own, self.loop.problem.matmul_dtype)
                gradient = tf.matmul(tf.cast(d, own.dtype), own, transpose_b=True)
                gradient = tf.reshape(tf.cast(gradient, self.loop.dtype), tf.shape(columns))
                total = gradient if total is None else total + gradient
        return total

    def unfused(self) -> dict[str, Tensor]:
        """Return the gradients of maps without a matrix, computed by TensorFlow over all steps."""
        gradients = {}
        for node, read in self.schedule.unfused_reads:
            u = self.read(read.expr, read.text, dropped=not read.map.row_wise).whole()
            weights = {n: self.tensors.weights[n] for n in read.weights.values()}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for weight in weights.values():
                    tape.watch(weight)
                z = apply_map(read, u, weights, self.loop.dtype)
            d = self.pre_activation(node)
            gradients.update(tape.gradient(z, weights, output_gradients=d))
        return gradients

    def read(self, expr: Expr, text: str, dropped: bool) -> Steps:
        """Return the operand of a read at every step, with its dropout if requested."""
        steps = self.plain(expr, text)
        if dropped and text in self.tensors.dropout_masks:
            return steps.times(self.tensors.dropout_masks[text])
        return steps

    def plain(self, expr: Expr, text: str) -> Steps:
        """Return the operand of a read at every step: a state, a sequence, or a saved operand."""
        widths = self.schedule.widths
        name = expr.name if isinstance(expr, Name) else ""
        if name.endswith("_prev") and name[:-5] in self.loop.state_names:
            state, problem = name[:-5], self.loop.problem
            steps = self.residuals.saved(state)
            if problem.resets is None:
                return steps
            return steps.where(
                problem.resets, {**problem.reset_values, **self.tensors.reset_values}[state]
            )
        if name in widths:
            columns = split(self.tensors.sequences, widths, widths)
            return Steps.of_tensor(columns[name])
        return self.adjoints.saved(f"u:{text}")

    def pre_activation(self, node: Node) -> Tensor:
        """Return the gradient of a gate's pre-activation over all steps."""
        group = self.schedule.group_of(node.name)
        if group is None:
            return self.adjoints.columns([f"d:part:{node.name}"])
        columns = self.adjoints.columns([f"d:{group.key}"])
        return split(columns, [m.name for m, _ in group.members], group.widths)[node.name]


def summed_product(
    left: list[Steps], right: Steps, count: Tensor, batch: Tensor, rows: int | None = None
) -> Tensor:
    r"""Return $\sum_t \mathrm{left}_t^\top \mathrm{right}_t$, ``width of left x width of right``.

    Except under XLA, it is computed block by block, so that neither side is ever whole in memory.

    Args:
        left: values that are side by side, each ``time x batch x width``.
        right: ``time x batch x width``.
        count: the number of steps.
        batch: the number of rows of a step.
        rows: the number of rows of all steps, or None if unknown.
    """
    if compiled():
        d = right.whole()
        parts = [_product(each.whole(), d) for each in left]
        return tf.concat(parts, 0) if parts[1:] else parts[0]

    def block(start: Tensor, stop: Tensor) -> Tensor:
        beside = side_by_side([each.block(start, stop) for each in left])
        return _product(beside, right.block(start, stop))

    if rows and rows <= _ROWS:
        return block(0, count)
    length = tf.maximum(_ROWS // tf.maximum(batch, 1), 1)

    def body(start: Tensor, total: Tensor) -> tuple[object, ...]:
        stop = tf.minimum(start + length, count)
        return stop, total + block(start, stop)

    zeros = tf.zeros([sum(each.width for each in left), right.width], right.dtype)
    return tf.while_loop(
        lambda start, _: start < count, body, (tf.constant(0), zeros), parallel_iterations=1
    )[1]


def _product(rows: Tensor, d: Tensor) -> Tensor:
    rows, d = (tf.reshape(each, [-1, each.shape[-1]]) for each in (rows, d))
    return tf.matmul(rows, d, transpose_a=True)
