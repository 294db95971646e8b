"""What needs no state, computed for all steps before the loop: signals, and gates' input parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..cell.expression import evaluate
from ..cell.graph import BuiltRead, Node
from .plan import Member, Plan
from .problem import Problem
from .row import (
    apply_map,
    normalised_read,
    pre_activation,
    product,
    total,
    value_of,
)
from .rows import side_by_side

# The input parts of all groups side by side, where one product makes them.
ALL_PARTS = "parts"


def hoist(problem: Problem, plan: Plan) -> dict[str, Any]:
    """Return, over all steps at once, hoisted signals, and the input part of each gate of the loop.

    The keys are signals' names, and ``part:GATE`` for what a gate of the loop gets from inputs and
    bias.
    """
    cell, weights = problem.cell, problem.weights
    env: dict[str, Any] = {**cell.constants, **weights, **problem.inputs}
    products: dict[tuple[str, str], Any] = {}

    def linear(owner: str, read: BuiltRead) -> Any:
        if (owner, read.text) not in products:
            u = evaluate(read.expr, env, cell.spec.functions)
            members = plan.hoisted.get(read.text, ()) if read.map.has_matrix() else ()
            if len(members) > 1:
                matrices = [matrix_of(other, weights) for _, other in members]
                z = product(u, tf.concat(matrices, 1), problem.matmul_dtype)
                parts = tf.split(z, [other.width_out for _, other in members], -1)
                for (name, _), part in zip(members, parts, strict=True):
                    products[name, read.text] = part
            else:
                products[owner, read.text] = apply_map(read, u, weights, problem.matmul_dtype)
        return products[owner, read.text]

    for node in cell.nodes:
        if node.hoisted:
            pre = pre_activation(cell, node, linear, weights) if node.declared else None
            value_of(cell, node, env, pre, problem.inputs["x"])
    groups = [group for group in plan.groups if group.part]
    members = [member for group in groups for member in group.members]
    if members and _alike(members):
        env[ALL_PARTS] = _parts(problem, members, env)
    else:
        env.update({str(g.part): _parts(problem, g.members, env) for g in groups})
    for node in plan.parts:
        if node.norm is not None and node.norm.of == "sum":
            for read in node.reads:
                if read.hoisted:
                    env[f"part:{node.name}:{read.text}"] = linear(node.name, read)
            continue
        parts = [_input_part(problem, node, read, linear) for read in node.reads if read.hoisted]
        if node.bias is not None:
            parts.append(weights[node.bias])
        env[f"part:{node.name}"] = total(parts)
    return env


def _parts(problem: Problem, members: Sequence[Member], env: Mapping[str, Any]) -> Any:
    """Return the input parts of gates side by side; one product where they read the same.

    Args:
        problem: the call.
        members: the gates, with the recurrent read whose product their parts are added to.
        env: inputs and hoisted signals, ``time x batch x width``.
    """
    if not _alike(members):
        return side_by_side([_part(problem, node, env) for node, _ in members])
    weights, dtype = problem.weights, problem.inputs["x"].dtype
    reads = [[r for r in node.reads if r.hoisted] for node, _ in members]
    bias = side_by_side(
        [weights[n.bias] if n.bias else tf.zeros([n.width], dtype) for n, _ in members]
    )
    parts = []
    for index, column in enumerate(zip(*reads, strict=True)):
        u = evaluate(column[0].expr, env, problem.cell.spec.functions)
        matrix = side_by_side([matrix_of(read, weights) for read in column])
        if index == 0 and dtype == problem.matmul_dtype:
            # The bias as one more row of the matrix saves a pass forward and a reduction backward.
            # In low precision it stays out of the product, which would round it.
            u = tf.concat([u, tf.ones_like(u[..., :1])], -1)
            matrix = tf.concat([matrix, bias[None]], 0)
        parts.append(product(u, matrix, problem.matmul_dtype))
    return total(parts) if dtype == problem.matmul_dtype else total(parts) + bias


def _alike(members: Sequence[Member]) -> bool:
    """Return whether all gates read the same inputs, each through a matrix."""
    reads = [[r for r in node.reads if r.hoisted] for node, _ in members]
    texts = {tuple(r.text for r in own) for own in reads}
    return len(texts) == 1 and texts != {()} and all(r.map.has_matrix() for o in reads for r in o)


def _part(problem: Problem, node: Node, env: Mapping[str, Any]) -> Any:
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


def _input_part(problem: Problem, node: Node, read: BuiltRead, linear: Any) -> Any:
    if node.norm is None:
        return linear(node.name, read)
    return normalised_read(problem.cell, node, read, linear) * problem.weights[str(read.scale)]


def matrix_of(read: BuiltRead, weights: Mapping[str, Any]) -> Any:
    """Return the matrix of a read's linear map, ``width_in x width_out``."""
    return read.map.matrix({suffix: weights[name] for suffix, name in read.weights.items()})
