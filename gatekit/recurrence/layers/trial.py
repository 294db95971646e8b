"""One step traced without being run, so that what a gate returns wrong is refused early."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gatekit.cell.graph import Cell
from gatekit.recurrence.emission import apply_unit
from gatekit.recurrence.executors.reference import one_step
from gatekit.recurrence.problem import Problem

_BATCH = 2


def dry_run(cell: Cell) -> None:
    """Trace one step and one emission on placeholders.

    Args:
        cell: the built cell.

    Raises:
        CellError: a gate or the output unit returned something of the wrong shape or type.
    """
    with tf.Graph().as_default():
        x = {name: tf.zeros([_BATCH, width]) for name, width in cell.inputs.items()}
        x.update({f"{name}_prev": x[name] for name in cell.shifted})
        if cell.uses_t:
            x["t"] = tf.ones([_BATCH, 1])
        weights: dict[str, Any] = {w.name: tf.zeros(w.shape) for w in cell.weights}
        states = {s.name: tf.zeros([_BATCH, s.width]) for s in cell.states}
        problem = Problem(cell, weights, x, None, states, {}, None, False, (), tf.float32)
        env = one_step(problem, tf.constant(0), x, None, states)
        for name, length in cell.output.histories:
            env[f"{name}_history"] = tf.zeros([_BATCH, length, cell.widths[name]])
        apply_unit(cell, env, weights, tf.float32, x["x"])
