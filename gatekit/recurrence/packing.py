"""Tensors side by side in rows, arrays over time, and a test whether XLA compiles the current code.

XLA needs another memory layout for speed than graph mode does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import Tensor
from tensorflow.python.ops import control_flow_util
from tensorflow.python.ops.parallel_for import pfor

_GATHER = "TensorListGather"


def side_by_side(tensors: list[Tensor]) -> Tensor:
    """Return the tensors joined along the last axis."""
    return tf.concat(tensors, -1) if len(tensors) > 1 else tensors[0]


def joined(tensors: list[Tensor], axis: int = -1) -> Tensor:
    """Return the tensors joined along an axis, for code that runs under a caller's tape.

    The eager gradient of `tf.concat` leaks 128 bytes per call (TensorFlow 2.21), so in eager mode
    this function has a custom gradient. That is slower: inside a step that no tape watches, use
    `side_by_side`.
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


class Columns:
    """Access by key to the columns of a tensor.

    Args:
        tensor: ``... x width``.
        widths: the width of each key's columns, in their order.
    """

    def __init__(self, tensor: Tensor, widths: Mapping[str, int]) -> None:
        self.tensor, self.widths = tensor, widths
        self.keys = list(widths)

    def of(self, keys: list[str]) -> Tensor:
        """Return the columns of some keys, side by side; a single slice if they are adjacent."""
        first = self.keys.index(keys[0])
        if self.keys[first : first + len(keys)] != keys:
            return side_by_side([self.of([key]) for key in keys])
        start = sum(self.widths[k] for k in self.keys[:first])
        stop = start + sum(self.widths[k] for k in keys)
        return self.tensor[..., start:stop]


def unstack(sequence: Tensor, static: tuple[int | None, int | None]) -> tf.TensorArray:
    """Return the steps of a sequence, ``time x batch x width``, to be read one by one.

    Args:
        sequence: the sequence.
        static: time and batch, each None if unknown.
    """
    # Prefetching loops read one row twice; in eager mode, the first read would clear it.
    array = tf.TensorArray(
        sequence.dtype,
        size=tf.shape(sequence)[0],
        element_shape=[static[1], sequence.shape[-1]],
        clear_after_read=False,
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


def vectorizable(gathered: Tensor) -> Tensor:
    """Return gathered items, with a fix of how `tf.vectorized_map` converts the operation.

    If each example has its own list, TensorFlow 2.21 swaps the axes of examples and items. If there
    are as many examples as items, every shape fits and the numbers are wrong.

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
