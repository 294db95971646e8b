"""The tensors that a loop reads: hoisted values of all steps, weights and initial states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import BuiltRead, Node, shared_reads
from gatekit.cell.language.expression import evaluate
from gatekit.recurrence.executors.products import SharedValues, joined_matrix, matrix_of
from gatekit.recurrence.packing import joined
from gatekit.recurrence.problem import Problem, Tensors
from gatekit.recurrence.step import apply_map, biased_product, product, total

from .schedule import INPUT_COLUMNS, LoopSchedule, StepProduct


@dataclass(frozen=True)
class LoopTensors(Tensors):
    """Every tensor that enters the custom gradient. All but dropout masks may have a gradient.

    Dropout masks are constants: their gradients are zeros.

    Args:
        input_columns: the inputs and a one for the bias, ``time x batch x width``, if they enter
            each step's products; otherwise None. They are not part of ``sequences``, so that their
            gradient is not computed in vain.
        sequences: the other values that the loop reads at each step, side by side, ``time x batch x
            width``, or None.
        matrices: the matrix of each product, ``width_in x width``.
        biases: the biases of groups that have no input part, ``width``, unless a matrix has them.
        weights: weights of the row-wise part, and of linear maps without a matrix.
        dropout_masks: dropout masks of recurrent reads by the read's text, ``batch x width``.
        states: the initial states, ``batch x width``.
        reset_values: the learned initial states, which are the states after a reset,
            ``batch x width``; empty without resets.
    """

    input_columns: Tensor | None
    sequences: Tensor | None
    matrices: Mapping[str, Tensor]
    biases: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    dropout_masks: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
    reset_values: Mapping[str, Tensor]


def loop_tensors(problem: Problem, schedule: LoopSchedule) -> LoopTensors:
    """Return the tensors of a call; this computes hoisted signals for all steps.

    Args:
        problem: the call, time first.
        schedule: how the cell is arranged.
    """
    env, weights = hoist(problem, schedule), problem.weights
    x = problem.inputs["x"]
    return LoopTensors(
        input_columns=env[INPUT_COLUMNS] if schedule.input_columns else None,
        sequences=sequences(schedule, env, tf.shape(x)[:2]) if schedule.widths else None,
        matrices={
            product.key: product_matrix(product, schedule.input_columns, weights)
            for product in schedule.products
        },
        biases={
            group.key: joined([weights[str(node.bias)] for node, _ in group.members])
            for group in schedule.groups
            if group.biased and not schedule.input_columns
        },
        weights={
            name: weights[name] for name in (*schedule.row_wise_weights, *schedule.unfused_weights)
        },
        dropout_masks=dict(problem.dropout_masks),
        states={state.name: problem.states[state.name] for state in problem.cell.states},
        reset_values={
            state.name: problem.reset_values[state.name]
            for state in problem.cell.states
            if state.learned and problem.resets is not None
        },
    )


def sequences(schedule: LoopSchedule, env: Mapping[str, Tensor], lead: Tensor) -> Tensor:
    """Return the values that the loop reads at each step, side by side.

    Args:
        schedule: how the cell is arranged.
        env: the result of `hoist`.
        lead: time and batch.
    """
    parts = [g.part for g in schedule.groups if g.part]
    parts = [ALL_PARTS] if schedule.one_input_product else parts
    by_products = {node.name for node in schedule.by_products}
    rest = [k for k in schedule.extra_sequences if k not in by_products]
    keys = [*(() if schedule.input_columns else parts), *rest]
    return joined(
        [
            tf.broadcast_to(env[k], tf.concat([lead, [schedule.widths[k]]], 0))
            if env[k].shape.rank < 3
            else env[k]
            for k in keys
        ]
    )


# The key of the input parts of all groups side by side, if one product computes them.
ALL_PARTS = "parts"


def hoist(problem: Problem, schedule: LoopSchedule) -> dict[str, Tensor]:
    """Return hoisted signals, and the input parts of the loop's gates, for all steps.

    The keys are names of signals, and ``part:...`` for input parts; see `schedule`.
    """
    cell, weights = problem.cell, problem.weights
    values = SharedValues(problem, schedule.input_products)
    env = values.env
    gates, nodes = schedule.with_input_part, {node.name: node for node in cell.nodes}
    if schedule.by_products:
        env[ALL_PARTS] = _parts(problem, [*gates, *schedule.by_products], env)
        widths = [sum(n.width for n in gates), *(n.width for n in schedule.by_products)]
        beside = tf.split(env[ALL_PARTS], widths, -1)[1:]
        env.update({n.name: v for n, v in zip(schedule.by_products, beside, strict=True)})
    for node in cell.nodes:
        if node.hoisted and node not in schedule.by_products:
            values.compute(node.signals)
    if schedule.input_columns:
        inputs = [evaluate(read.expr, env, cell.spec.functions) for read in schedule.input_columns]
        env[INPUT_COLUMNS] = joined([*inputs, tf.ones_like(inputs[0][..., :1])])
    elif schedule.one_input_product and not schedule.by_products:
        env[ALL_PARTS] = _parts(problem, gates, env)
    elif not schedule.one_input_product:
        for group in schedule.groups:
            if group.part:
                parts = [_part(problem, node, env) for node, _ in group.members]
                env[group.part] = joined(parts)
    for node in schedule.standalone_inputs:
        if node.norm is not None and node.norm.of == "sum":
            # A gate that shares the statistics may be hoisted; then it has no entry of its own.
            for owner, read in shared_reads(nodes, node):
                if read.hoisted:
                    env[f"part:{owner.name}:{read.text}"] = values[f"{owner.name}:{read.text}"]
            continue
        ending = "" if node.norm is None else ":normed:scaled"
        parts = [values[f"{node.name}:{r.text}{ending}"] for r in node.reads if r.hoisted]
        if node.bias is not None:
            parts.append(weights[node.bias])
        env[f"part:{node.name}"] = total(parts)
    return env


def _parts(problem: Problem, gates: Sequence[Node], env: Mapping[str, Tensor]) -> Tensor:
    """Return the input parts of gates that read the same inputs, side by side, from one product.

    Args:
        problem: the call.
        gates: the gates.
        env: inputs and hoisted signals, ``time x batch x width``.
    """
    weights, dtype = problem.weights, problem.inputs["x"].dtype
    reads = [[r for r in node.reads if r.hoisted] for node in gates]
    bias = joined([weights[n.bias] if n.bias else tf.zeros([n.width], dtype) for n in gates])
    parts = []
    for index, column in enumerate(zip(*reads, strict=True)):
        u = evaluate(column[0].expr, env, problem.cell.spec.functions)
        matrix = joined_matrix(column, weights)
        if index == 0 and dtype == problem.matmul_dtype:
            parts.append(biased_product(u, matrix, bias))
        else:
            parts.append(product(u, matrix, problem.matmul_dtype))
    return total(parts) if dtype == problem.matmul_dtype else total(parts) + bias


def _part(problem: Problem, node: Node, env: Mapping[str, Tensor]) -> Tensor:
    """Return one gate's input part, ``time x batch x units``."""
    functions, dtype = problem.cell.spec.functions, problem.matmul_dtype
    parts = [
        apply_map(r, evaluate(r.expr, env, functions), problem.weights, dtype)
        for r in node.reads
        if r.hoisted
    ]
    if node.bias is not None:
        parts.append(problem.weights[node.bias])
    part = total(parts)
    lead = tf.shape(problem.inputs["x"])[:2]
    return tf.broadcast_to(part, tf.concat([lead, [node.width]], 0))


def product_matrix(
    product: StepProduct, columns: Sequence[BuiltRead], weights: Mapping[str, Tensor]
) -> Tensor:
    """Return the matrix of a step's product, ``width_in x width``.

    If the product takes the inputs, their rows and that of the bias are above those of the
    recurrent read. The rows of the inputs are zero for a gate that reads no input.

    Args:
        product: the product.
        columns: the reads of inputs.
        weights: weights by name.
    """
    reads = [read for group in product.groups for _, read in group.members]
    recurrent = joined_matrix(reads, weights)
    if not product.takes_input:
        return recurrent
    dtype = recurrent.dtype
    members = [(node, group) for group in product.groups for node, _ in group.members]
    rows = []
    for place, column in enumerate(columns):
        parts = []
        for node, group in members:
            own = [read for read in node.reads if read.hoisted] if group.part else []
            zeros = [column.width_in, node.width]
            parts.append(matrix_of(own[place], weights) if own else tf.zeros(zeros, dtype))
        rows.append(joined(parts))
    biases = [
        weights[node.bias]
        if node.bias is not None and (group.part or group.biased)
        else tf.zeros([node.width], dtype)
        for node, group in members
    ]
    return joined([*rows, tf.expand_dims(joined(biases), 0), recurrent], 0)
