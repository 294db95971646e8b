"""Solves cells with memories; only the memory itself is carried from chunk to chunk."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis.affine import AffineBlock
from gatekit.cell.analysis.chunk import Largest, Parallel
from gatekit.cell.errors import ConfigError
from gatekit.cell.graph import Node
from gatekit.recurrence.executors.linear.recurrence import values_before
from gatekit.recurrence.executors.linear.solve import (
    reads_of,
    shared_products,
    solve_block,
    state_of,
)
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.problem import Problem, Solution
from gatekit.recurrence.step import compute_as

from . import largest, memory
from .sums import solve_sum


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, parallel: Parallel) -> Solution:
    """Return the sequences and last states of the recurrence.

    Args:
        problem: the call, time first.
        parallel: the cell's blocks; `gatekit.cell.analysis.chunk.analyse(cell)`.

    Raises:
        ConfigError: a memory is wanted at each step, but it is computed only between chunks.
        NotImplementedError: on differentiating a second time.
    """
    cell = problem.cell
    env: dict[str, Tensor] = {**cell.constants, **problem.weights, **problem.inputs}
    bare = {(gate, read.text) for gate, read in parallel.reads.values()}
    products = shared_products(problem, env, bare)
    sequences: dict[str, Tensor] = {}
    last: dict[str, Tensor] = {}

    def add(node: Node) -> None:
        pre = products.compute(node)
        if node.name in parallel.pre_activations:
            env[f"pre:{node.name}"] = pre

    for node in cell.nodes:
        if node.hoisted:
            add(node)
    for block in parallel.blocks:
        if isinstance(block, AffineBlock):
            for key in reads_of(block, parallel.reads):
                env[key] = products.linear(*parallel.reads[key])
            summed = solve_sum(problem, block, env, last)
            sequences |= summed or solve_block(problem, block, env, "affine", last)
        elif isinstance(block, Largest):
            name, first = block.state, problem.states[block.state]
            sequences[name], last[name] = largest.solve(problem, block, env)
            earlier = values_before(
                sequences[name], first, problem.resets, problem.reset_values.get(name)
            )
            earlier = harmless(problem.mask, earlier)
            env[f"{name}_prev"] = tf.ensure_shape(earlier, sequences[name].shape)
        else:
            for each in block.memories:
                reads, ends = memory.solve(problem, each, env)
                env |= reads
                last |= ends
            for name, expr in block.nodes:
                if expr is None:
                    add(cell.node(name))
                else:
                    compute_as(problem, name, expr, env, problem.inputs["x"])
            continue
        for name in block.nodes:
            node = cell.node(name)
            solved = node.kind == "equation" and name in block.states
            if solved and not state_of(cell, name).zoneout:
                env[name] = harmless(problem.mask, sequences[name])
            else:
                add(node)
    wanted = {name: sequences.get(name, env.get(name)) for name in problem.wanted}
    missing = [name for name, value in wanted.items() if value is None]
    if missing:
        raise ConfigError(
            f"executor='chunk' does not compute {missing[0]!r} at each step; type executor=fused"
        )
    return Solution(wanted, {state.name: last[state.name] for state in cell.states})
