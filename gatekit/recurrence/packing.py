"""Tensors side by side, arrays over time, and a test whether XLA compiles the current code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf
from tensorflow import Tensor
from tensorflow.python.ops import control_flow_util


def joined(tensors: list[Tensor], axis: int = -1) -> Tensor:
    """Return the tensors joined along an axis, for code that runs under a caller's tape.

    The eager gradient of `tf.concat` leaks 128 bytes per call (TensorFlow 2.21), so in eager mode
    this function has a custom gradient.
    """
    if not tensors[1:]:
        return tensors[0]
    if not tf.executing_eagerly():
        return tf.concat(tensors, axis)

    @tf.custom_gradient
    def join(*parts: Tensor) -> Tensor:
        widths = [part.shape[axis] for part in parts]
        return tf.concat(parts, axis), lambda flow: tf.split(flow, widths, axis)

    return join(*map(tf.convert_to_tensor, tensors))


def split(tensor: Tensor, keys: Iterable[str], widths: Mapping[str, int]) -> dict[str, Tensor]:
    """Return a tensor's columns by key; they are side by side in the order of the keys."""
    keys = list(keys)
    if len(keys) == 1:
        return {keys[0]: tensor}
    return dict(zip(keys, tf.split(tensor, [widths[k] for k in keys], -1), strict=True))


def unstack(sequence: Tensor, static: tuple[int | None, int | None]) -> tf.TensorArray:
    """Return the steps of a sequence, ``time x batch x width``, to be read one by one.

    Args:
        sequence: the sequence.
        static: time and batch, each None if unknown.
    """
    array = tf.TensorArray(
        sequence.dtype,
        size=tf.shape(sequence)[0],
        element_shape=[static[1], sequence.shape[-1]],
    )
    return array.unstack(sequence)


def stacked(array: tf.TensorArray, shape: Sequence[Tensor | int]) -> Tensor:
    """Return the items of a `tf.TensorArray` that was written in a loop, ``items x ...``.

    `tf.TensorArray.stack` fails if there are no items and their shape is not fully known.

    Args:
        array: the array.
        shape: the shape of an item, numbers or tensors.
    """
    if tf.executing_eagerly() or array.element_shape.is_fully_defined():
        return array.stack()
    whole = tf.raw_ops.TensorListStack(
        input_handle=array.flow, element_shape=tf.stack(shape), element_dtype=array.dtype
    )
    return tf.ensure_shape(whole, [None, *(n if isinstance(n, int) else None for n in shape)])


def compiled() -> bool:
    """Return whether XLA will compile the code that is being traced."""
    graph = tf.compat.v1.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))


def bound(steps: Tensor) -> Tensor:
    """Return the bound of a loop over the steps, or None in graph mode.

    XLA needs a bound to allocate arrays. In graph mode it would be a second counter, incremented
    and compared in each step.
    """
    return steps if compiled() else None
