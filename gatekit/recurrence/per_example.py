"""Gradients per example: `tf.vectorized_map` and `tf.GradientTape.batch_jacobian`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.ops.parallel_for import pfor

_GATHER = "TensorListGather"


def vectorizable(gathered: Any) -> Any:
    """Return what was gathered from a list, such that a vectorized map converts it correctly.

    TensorFlow 2.21 leaves the axes of examples and items the wrong way round where each example has
    a list of its own. If there are as many examples as items, every shape fits and the numbers are
    wrong.

    Args:
        gathered: ``items x batch x width``, the result of `tf.TensorArray.gather`.
    """
    if not tf.executing_eagerly():
        gathered.op.pfor_converter = _converted
    return gathered


def _converted(call: Any) -> Any:
    result = pfor._pfor_converter_registry[_GATHER](call)
    own_list, own_places = call.input(0).is_stacked, call.input(1).is_stacked
    if own_list and not own_places:
        return result._replace(t=tf.transpose(result.t, [1, 0, 2, 3]))
    return result
