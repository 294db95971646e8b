"""Solves affine cells; everything but the linear recurrences is computed for all steps at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.analysis.affine import AffineBlock, AffineStates
from gatekit.cell.graph import Cell, State
from gatekit.cell.language.expression import Expr, Name, evaluate, names
from gatekit.recurrence.executors.products import Owned, SharedProducts
from gatekit.recurrence.hold import hold_always
from gatekit.recurrence.masking import harmless
from gatekit.recurrence.problem import Problem, Solution

from . import scan, sequential
from .recurrence import Matrix, Solver, Vector, linear_recurrence, values_before

SOLVERS = {
    "affine": Solver("affine", sequential.forward, sequential.backward),
    "scan": Solver("scan", scan.forward, scan.backward),
}


@tf.autograph.experimental.do_not_convert
def run(problem: Problem, affine: AffineStates, executor: str) -> Solution:
    """Return the sequences and last states of the recurrence.

    Signals that depend on no state come first, as in the fused executor. Then each block of states
    is solved, and the signals that depend on it are computed for all steps.

    Args:
        problem: the call, time first.
        affine: the cell's blocks; `gatekit.cell.analysis.affine.analyse(cell)`.
        executor: ``affine`` or ``scan``.

    Raises:
        NotImplementedError: on differentiating a second time.
    """
    cell = problem.cell
    env: dict[str, Tensor] = {**cell.constants, **problem.weights, **problem.inputs}
    products = shared_products(problem, env, {(gate, r.text) for gate, r in affine.reads.values()})

    for node in cell.nodes:
        if node.hoisted:
            products.compute(node)
    sequences: dict[str, Tensor] = {}
    last: dict[str, Tensor] = {}
    for block in affine.blocks:
        for key in reads_of(block, affine.reads):
            env[key] = products.linear(*affine.reads[key])
        sequences |= solve_block(problem, block, env, executor, last)
        for name in block.nodes:
            node = cell.node(name)
            if (
                node.kind == "equation"
                and name in block.states
                and not state_of(cell, name).zoneout
            ):
                env[name] = harmless(problem.mask, sequences[name])
            else:
                products.compute(node)
    wanted = {name: sequences.get(name, env.get(name)) for name in problem.wanted}
    return Solution(wanted, {state.name: last[state.name] for state in cell.states})


def solve_block(
    problem: Problem,
    block: AffineBlock,
    env: dict[str, Tensor],
    executor: str,
    last: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Return the sequences of a block's states, and store their previous and last values.

    Args:
        problem: the call.
        block: the block.
        env: values by key, ``time x batch x width``; previous values are added.
        executor: ``affine`` or ``scan``.
        last: last values by state; those of the block are added.
    """
    first, resets = [problem.states[name] for name in block.states], problem.resets
    reset_values = [problem.reset_values.get(name) for name in block.states]
    a, b = _held(problem, block, *_coefficients(problem, block, env))
    solved, ends = linear_recurrence(SOLVERS[executor], a, b, first, resets, reset_values)
    last.update(zip(block.states, ends, strict=True))
    for name, start, value, sequence in zip(block.states, first, reset_values, solved, strict=True):
        earlier = harmless(problem.mask, values_before(sequence, start, resets, value))
        env[f"{name}_prev"] = tf.ensure_shape(earlier, sequence.shape)
    return dict(zip(block.states, solved, strict=True))


def shared_products(
    problem: Problem, env: dict[str, Tensor], bare: Collection[tuple[str, str]]
) -> SharedProducts:
    """Return the linear reads over all steps; reads of one signal through matrices share a product.

    In full precision, a gate's bias is added by the first product that has a matrix of the gate.

    Args:
        problem: the call.
        env: values by key, ``time x batch x width``.
        bare: gates and texts of reads whose products must not add a bias.
    """
    members: dict[str, list[Owned]] = {}
    biased: dict[str, str] = {}
    full = problem.inputs["x"].dtype == problem.matmul_dtype
    for node in problem.cell.nodes:
        for read in node.reads:
            if read.map.has_matrix():
                members.setdefault(read.text, []).append((node.name, read))
                if full and node.bias and not node.norm and (node.name, read.text) not in bare:
                    biased.setdefault(node.name, read.text)
    return SharedProducts(problem, env, members, biased)


def reads_of(block: AffineBlock, reads: Collection[str]) -> list[str]:
    """Return the linear reads that a block's coefficients use."""
    entries = [e for e in (*itertools.chain(*block.a), *block.b) if e is not None]
    keys = dict.fromkeys(name for entry in entries for name in names(entry))
    return [name for name in keys if name in reads]


def _coefficients(
    problem: Problem, block: AffineBlock, env: Mapping[str, Tensor]
) -> tuple[Matrix, Vector]:
    """Return a block's coefficients, each ``time x batch x width``."""
    shapes = [state_of(problem.cell, name).shape for name in block.states]
    a = [
        [coefficient(problem, entry, shape, env) for entry in row]
        for row, shape in zip(block.a, shapes, strict=True)
    ]
    pairs = zip(block.b, shapes, strict=True)
    return a, [coefficient(problem, entry, shape, env) for entry, shape in pairs]


def coefficient(
    problem: Problem, entry: Expr | None, shape: tuple[int, ...], env: Mapping[str, Tensor]
) -> Tensor:
    """Return a coefficient at all steps, ``time x batch x width``.

    Args:
        problem: the call.
        entry: the coefficient; None for zero.
        shape: the shape of its state.
        env: values by key, ``time x batch x width``.
    """
    x = problem.inputs["x"]
    value = 0.0 if entry is None else evaluate(entry, env, problem.cell.spec.functions)
    value = tf.convert_to_tensor(value, x.dtype)
    if isinstance(entry, Name):
        shape = (math.prod(shape),)  # A signal is stored as a vector.
    if value.shape.rank != 2 + len(shape) or value.shape[2:] != shape:
        value = tf.broadcast_to(value, tf.concat([tf.shape(x)[:2], shape], 0))
    if len(shape) > 1:
        value = tf.reshape(value, tf.concat([tf.shape(x)[:2], [math.prod(shape)]], 0))
    return value


def _held(problem: Problem, block: AffineBlock, a: Matrix, b: Vector) -> tuple[Matrix, Vector]:
    """Return the coefficients with zoneout and mask applied, both of which are affine."""
    places = {state.name: place for place, state in enumerate(problem.cell.states)}
    pairs = [
        hold_always(problem, places[name], b[i]).affine(a[i], b[i], i)
        for i, name in enumerate(block.states)
    ]
    return [row for row, _ in pairs], [end for _, end in pairs]


def state_of(cell: Cell, name: str) -> State:
    """Return the state of that name."""
    return next(state for state in cell.states if state.name == name)
