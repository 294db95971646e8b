"""Rows of several values side by side, stepped through in time; and whether XLA compiles the loop.

Some things cost under XLA what they save elsewhere.
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

    The eager gradient of `tf.concat` never frees 128 bytes (TensorFlow 2.21), so eagerly this has
    its own gradient. That costs time: inside a step, use `side_by_side` where no tape watches.
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
    """Return the columns of each key of a tensor that has them side by side, in this order."""
    keys = list(keys)
    if len(keys) == 1:
        return {keys[0]: tensor}
    return dict(zip(keys, tf.split(tensor, [widths[k] for k in keys], -1), strict=True))


class Columns:
    """Columns by key of a tensor that has them side by side.

    Args:
        tensor: ``... x width``.
        widths: the width of each key's columns, in their order.
    """

    def __init__(self, tensor: Tensor, widths: Mapping[str, int]) -> None:
        self.tensor, self.widths = tensor, widths
        self.keys = list(widths)

    def of(self, keys: list[str]) -> Tensor:
        """Return the columns of some keys, side by side; one slice where they lie so already."""
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
        static: time and batch where they are known.
    """
    # Where rows are read a step early, the first is read twice; eagerly it would be gone by then.
    array = tf.TensorArray(
        sequence.dtype,
        size=tf.shape(sequence)[0],
        element_shape=[static[1], sequence.shape[-1]],
        clear_after_read=False,
    )
    return array.unstack(sequence)


def stacked(array: tf.TensorArray, shape: Sequence[Tensor | int]) -> Tensor:
    """Return the items of a `tf.TensorArray` that was written in a loop, ``items x ...``.

    Its own `stack` fails if there is no item and the shape of one is not fully known.

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


def compiled() -> bool:
    """Return whether XLA will compile what is traced now."""
    graph = tf.compat.v1.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))


def bound(steps: Tensor) -> Tensor:
    """Return the bound of a loop of so many steps: XLA needs one to lay arrays out, and in graph
    mode it would be a second counter, advanced and compared in each step."""
    return steps if compiled() else None
