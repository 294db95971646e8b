"""One step traced without being run, so that what a gate returns wrong is refused early."""

from __future__ import annotations

import tensorflow as tf

from gatekit.cell.graph import Cell
from gatekit.recurrence.call import LayerCall, compute
from gatekit.recurrence.executors import unroll

from .states import state_shapes

_BATCH = 2


def dry_run(cell: Cell) -> None:
    """Trace one step and one emission on placeholders.

    Args:
        cell: the built cell.

    Raises:
        CellError: a gate or the output unit returned something of the wrong shape or type.
    """
    with tf.Graph().as_default():
        call = LayerCall(
            cell=cell,
            weights={weight.name: tf.zeros(weight.shape) for weight in cell.weights},
            inputs={name: tf.zeros([_BATCH, 1, width]) for name, width in cell.inputs.items()},
            mask=None,
            first={name: tf.zeros(shape) for name, shape in state_shapes(cell, _BATCH).items()},
            seed=None,
            training=False,
            go_backwards=False,
            return_sequences=False,
            zero_masked=False,
            matmul_dtype=tf.float32,
        )
        compute(call, unroll.run)
