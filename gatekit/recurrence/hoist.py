"""What needs no state, computed for all steps at once before the loop: signals, and the gates' input parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ..cell.expression import evaluate
from ..cell.graph import BuiltRead, Node
from .plan import Group, Plan
from .problem import Problem
from .row import (
    apply_map,
    normalised_read,
    pre_activation,
    product,
    total,
    value_of,
    with_bias,
)


def hoist(problem: Problem, plan: Plan) -> dict[str, Any]:
    """Return, over all steps at once, what needs no state: hoisted signals, and each loop gate's input part.

    The keys are signals' names, and ``part:GATE`` for what a gate of the loop gets from inputs and bias.
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
    for group in plan.groups:
        if group.part:
            env[group.part] = _group_part(problem, group, env)
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


def _group_part(problem: Problem, group: Group, env: Mapping[str, Any]) -> Any:
    """Return the input parts of a group's gates side by side; one product where they read the same."""
    weights, functions = problem.weights, problem.cell.spec.functions
    reads = [[r for r in node.reads if r.hoisted] for node, _ in group.members]
    texts = [tuple(r.text for r in own if r.map.has_matrix()) for own in reads]
    biases = [
        weights[node.bias] if node.bias else tf.zeros([node.width], problem.inputs["x"].dtype)
        for node, _ in group.members
    ]
    if (
        texts[0]
        and len(set(texts)) == 1
        and all(len(t) == len(own) for t, own in zip(texts, reads, strict=True))
    ):
        parts = []
        for column in zip(*reads, strict=True):
            u = evaluate(column[0].expr, env, functions)
            matrix = side_by_side([matrix_of(read, weights) for read in column])
            parts.append(product(u, matrix, problem.matmul_dtype))
        return with_bias(total(parts), side_by_side(biases))
    columns = []
    lead = tf.shape(problem.inputs["x"])[:2]
    for own, bias in zip(reads, biases, strict=True):
        parts = [
            apply_map(r, evaluate(r.expr, env, functions), weights, problem.matmul_dtype)
            for r in own
        ]
        part = total([*parts, bias])
        columns.append(tf.broadcast_to(part, tf.concat([lead, [part.shape[-1]]], 0)))
    return tf.concat(columns, -1)


def side_by_side(tensors: list[Any]) -> Any:
    return tf.concat(tensors, -1) if len(tensors) > 1 else tensors[0]


def _input_part(problem: Problem, node: Node, read: BuiltRead, linear: Any) -> Any:
    if node.norm is None:
        return linear(node.name, read)
    return normalised_read(problem.cell, node, read, linear) * problem.weights[str(read.scale)]


def matrix_of(read: BuiltRead, weights: Mapping[str, Any]) -> Any:
    return read.map.matrix({suffix: weights[name] for suffix, name in read.weights.items()})
