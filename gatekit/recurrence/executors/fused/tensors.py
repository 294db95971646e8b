"""The tensors of one call's loop: all that its gradient is asked for, in one structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from gatekit.recurrence.packing import joined
from gatekit.recurrence.problem import Problem, Tensors

from .hoist import ALL_PARTS, hoist, product_matrix
from .schedule import STREAM, Plan


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
    """

    input_columns: Any
    sequences: Any
    matrices: Mapping[str, Any]
    biases: Mapping[str, Any]
    weights: Mapping[str, Any]
    drops: Mapping[str, Any]
    states: Mapping[str, Any]


def loop_tensors(problem: Problem, plan: Plan) -> LoopTensors:
    """Return the tensors of a call, after what needs no state is computed for all steps.

    Args:
        problem: the call, time first.
        plan: how the cell's reads are grouped.
    """
    env, weights = hoist(problem, plan), problem.weights
    lead = tf.shape(problem.inputs["x"])[:2]
    return LoopTensors(
        input_columns=env[STREAM] if plan.stream else None,
        sequences=sequences(plan, env, lead) if plan.sequences else None,
        matrices={p.key: product_matrix(p, plan.stream, weights) for p in plan.products},
        biases={
            group.key: joined([weights[str(node.bias)] for node, _ in group.members])
            for group in plan.groups
            if group.biased and not plan.stream
        },
        weights={name: weights[name] for name in (*plan.parameters, *plan.mapped)},
        drops=dict(problem.drops),
        states={state.name: problem.states[state.name] for state in problem.cell.states},
    )


def sequences(plan: Plan, env: Mapping[str, Any], lead: Any) -> Any:
    """Return what the loop reads per step, as `hoist` has computed it, side by side.

    Args:
        plan: how the cell's reads are grouped.
        env: what `hoist` returns.
        lead: time and batch.
    """
    parts = [ALL_PARTS] if plan.together else [g.part for g in plan.groups if g.part]
    early = {node.name for node in plan.joined}
    keys = [*(() if plan.stream else parts), *(k for k in plan.loose if k not in early)]
    return joined(
        [
            tf.broadcast_to(env[k], tf.concat([lead, [plan.widths[k]]], 0))
            if env[k].shape.rank < 3
            else env[k]
            for k in keys
        ]
    )
