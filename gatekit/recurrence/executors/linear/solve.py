"""Solves the states of an affine block; `blockwise` computes everything else."""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.language.expression import Expr
from gatekit.cell.program import Solve
from gatekit.recurrence.executors.products import SharedValues
from gatekit.recurrence.hold import hold_always

from . import scan, sequential
from .recurrence import Solver, linear_recurrence

SOLVERS = {
    "affine": Solver("affine", sequential.forward, sequential.backward),
    "scan": Solver("scan", scan.forward, scan.backward),
}


def solve(values: SharedValues, block: Solve, executor: str) -> dict[str, Tensor]:
    """Add the sequences of a block's states to the values, and return their last values.

    Args:
        values: the values at all steps.
        block: the block.
        executor: ``affine`` or ``scan``.
    """
    problem, names = values.problem, block.states
    rows = [
        [coefficient(values, entry, name) for entry in row]
        for row, name in zip(block.a, names, strict=True)
    ]
    ends = [coefficient(values, entry, name) for entry, name in zip(block.b, names, strict=True)]
    places = {hold.new: hold.place for hold in values.program.holds}
    # Zoneout and masks keep a recurrence affine.
    held = [
        hold_always(problem, places[name], end).affine(row, end, index)
        for index, (name, row, end) in enumerate(zip(names, rows, ends, strict=True))
    ]
    sequences, last = linear_recurrence(
        SOLVERS[executor],
        [row for row, _ in held],
        [end for _, end in held],
        [problem.states[name] for name in names],
        problem.resets,
        [problem.reset_values.get(name) for name in names],
    )
    values.env |= {f"{name}:held": s for name, s in zip(names, sequences, strict=True)}
    return dict(zip(names, last, strict=True))


def coefficient(values: SharedValues, entry: Expr | None, state: str) -> Tensor:
    """Return a coefficient at all steps, ``time x batch x width``.

    Args:
        values: the values at all steps.
        entry: the coefficient; None for zero.
        state: the state that it has the shape of.
    """
    like, shape = values.like, values.program.shapes[state]
    value = tf.convert_to_tensor(0.0 if entry is None else values.of(entry), like.dtype)
    if value.shape.rank != 2 + len(shape) or value.shape[2:] != shape:
        value = tf.broadcast_to(value, tf.concat([tf.shape(like)[:2], shape], 0))
    if len(shape) > 1:
        value = tf.reshape(value, tf.concat([tf.shape(like)[:2], [math.prod(shape)]], 0))
    return value
