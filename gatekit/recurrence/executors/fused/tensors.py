"""The tensors of one call's loop: all that its gradient is asked for, in one structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import Tensor

from gatekit.recurrence.packing import joined
from gatekit.recurrence.problem import Problem, Tensors

from .hoist import ALL_PARTS, hoist, product_matrix
from .schedule import INPUT_COLUMNS, LoopSchedule


@dataclass(frozen=True)
class LoopTensors(Tensors):
    """Every tensor that the loop reads and that may have a gradient.

    Args:
        input_columns: the inputs and a one for the bias, ``time x batch x width``, where they enter
            each step's products; otherwise None. It is not part of ``sequences``, so that its
            gradient is not computed in vain.
        sequences: what else the loop reads per step, side by side, ``time x batch x width``; None
            if it reads nothing else.
        matrices: the matrix of each product, ``width_in x width``.
        biases: the biases of groups that have no input part, ``width``, unless a matrix has them.
        weights: weights of the row-wise part, and of linear maps without a matrix.
        drops: dropout masks of recurrent reads by the read's text, ``batch x width``.
        states: the states before the first step, ``batch x width``.
        fresh: the learned values to which resets return states, ``batch x width``; empty without
            resets.
    """

    input_columns: Tensor
    sequences: Tensor
    matrices: Mapping[str, Tensor]
    biases: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    drops: Mapping[str, Tensor]
    states: Mapping[str, Tensor]
    fresh: Mapping[str, Tensor]


def loop_tensors(problem: Problem, schedule: LoopSchedule) -> LoopTensors:
    """Return the tensors of a call, after what needs no state is computed for all steps.

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
        weights={name: weights[name] for name in (*schedule.parameters, *schedule.unfused_weights)},
        drops=dict(problem.drops),
        states={state.name: problem.states[state.name] for state in problem.cell.states},
        fresh={
            state.name: problem.fresh[state.name]
            for state in problem.cell.states
            if state.learned and problem.resets is not None
        },
    )


def sequences(schedule: LoopSchedule, env: Mapping[str, Tensor], lead: Tensor) -> Tensor:
    """Return what the loop reads per step, as `hoist` has computed it, side by side.

    Args:
        schedule: how the cell is arranged.
        env: what `hoist` returns.
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
