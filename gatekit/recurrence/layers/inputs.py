"""Checks of a call's inputs, masks, resets and states: names, shapes, types, one batch size."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import DataError, listed
from gatekit.cell.graph import Cell
from gatekit.recurrence.call import Shape

Inputs: TypeAlias = Mapping[str, Tensor] | Tensor
"""The input of a layer: x, or all inputs of a cell by name."""

States: TypeAlias = Mapping[str, Tensor] | Sequence[Tensor] | Tensor | None
"""States as a caller passes them: a single one, several in order, or a mapping by name."""

RESETS = "resets"
"""The key of resets in a mapping of inputs."""


def known_batch(tensors: Mapping[str, Tensor]) -> int | None:
    """Return the batch size in the tensors' static shapes, or None if it is unknown.

    Args:
        tensors: tensors by a name for messages, each with the batch first.

    Raises:
        DataError: two tensors have different batch sizes.
    """
    sizes: dict[str, int] = {n: t.shape[0] for n, t in tensors.items() if t.shape[0] is not None}
    for name, size in sizes.items():
        first = next(iter(sizes))
        if size != sizes[first]:
            raise DataError(f"{name} has {size} sequences and {first} has {sizes[first]}")
    return next(iter(sizes.values()), None)


def of_batch(tensors: Mapping[str, Tensor], size: int | None) -> dict[str, Tensor]:
    """Return the tensors with this static batch size; unchanged if it is None.

    Loops need this: a state of known batch size that is updated from inputs of unknown batch size
    would change its static shape from step to step.

    Args:
        tensors: tensors by name, each with the batch first.
        size: the batch size, or None.
    """
    if size is None:
        return dict(tensors)
    return {
        name: tensor
        if tensor.shape[0] is not None
        else tf.ensure_shape(tensor, [size, *tensor.shape[1:]])
        for name, tensor in tensors.items()
    }


def checked_inputs(inputs: Inputs, cell: Cell, dtype: str) -> dict[str, Tensor]:
    """Return the inputs by name, ``batch x time x width``, in the layer's type.

    Args:
        inputs: ``batch x time x features``, or a mapping by name.
        cell: the built cell.
        dtype: the type of states and weights.

    Raises:
        DataError: an input is missing, unknown, ragged, or has the wrong rank, width or type.
    """
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {"x": inputs}
    for name in arrays:
        if name not in cell.inputs:
            raise DataError(
                f"{cell.spec.name} has no input {name!r}; its inputs are {listed(cell.inputs)}"
            )
    missing = [name for name in cell.inputs if name not in arrays]
    if missing:
        raise DataError(
            f"the cell {cell.spec.name!r} also reads {listed(missing)}; a mapping of "
            f"{listed(cell.inputs)} is expected, each batch x time x width"
        )
    return {
        name: checked_input(name, arrays[name], width, dtype) for name, width in cell.inputs.items()
    }


def checked_input(name: str, value: Tensor, width: int, dtype: str) -> Tensor:
    """Return one input, ``batch x time x width``, in the layer's type; warn if it has integers.

    Args:
        name: the input's name, for messages.
        value: the input.
        width: the expected width.
        dtype: the layer's type.

    Raises:
        DataError: it is ragged or sparse, or has the wrong rank, width or type.
    """
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        raise DataError(f"{name} is a {type(value).__name__}; a dense tensor is expected")
    tensor = tf.convert_to_tensor(value)
    if tensor.dtype.is_integer:
        warnings.warn(f"{name} is {tensor.dtype.name}; it is cast to {dtype}", stacklevel=2)
    elif not tensor.dtype.is_floating:
        raise DataError(f"{name} is {tensor.dtype.name}; floating point numbers are expected")
    if tensor.shape.rank != 3 or tensor.shape[2] != width:
        raise DataError(
            f"{name} has the shape {tuple(tensor.shape)}; batch x time x {width} is expected"
        )
    return tf.cast(tensor, dtype)


def carried_mask(inputs: Inputs) -> Tensor:
    """Return the mask that is attached to x, for example by an embedding, or None.

    Keras passes this mask to a call only if x is the only tensor of the call. With initial states
    or resets beside x, it does not.

    Args:
        inputs: ``batch x time x features``, or a mapping by name.
    """
    x = inputs.get("x") if isinstance(inputs, Mapping) else inputs
    return getattr(x, "_keras_mask", None)


def checked_mask(mask: Tensor, x: Tensor) -> Tensor:
    """Return the mask as ``batch x time`` booleans, or None.

    Args:
        mask: ``batch x time`` or ``batch x time x 1`` booleans or integers; a mapping with ``x``;
            or a list whose first entry is the mask.
        x: the input, ``batch x time x features``.

    Raises:
        DataError: the mask is neither boolean nor integer, or does not have the input's shape.
    """
    if isinstance(mask, Mapping):
        mask = mask.get("x")
    if isinstance(mask, (list, tuple)):
        mask = mask[0] if mask and (mask[0] is None or hasattr(mask[0], "shape")) else mask
    if mask is None:
        return None
    tensor = tf.convert_to_tensor(mask)
    if tensor.dtype.is_integer:
        tensor = tensor != 0
    return _of_steps(tensor, x, "the mask")


def _of_steps(tensor: Tensor, x: Tensor, called: str) -> Tensor:
    """Return booleans, one for each step of the input, ``batch x time``.

    Raises:
        DataError: they are not booleans, or their shape is not that of the input.
    """
    if tensor.dtype != tf.bool:
        raise DataError(f"{called} is {tensor.dtype.name}; booleans are expected")
    if tensor.shape.rank == 3 and tensor.shape[2] == 1:
        tensor = tensor[:, :, 0]
    if tensor.shape.rank != 2 or not tensor.shape.is_compatible_with(x.shape[:2]):
        raise DataError(
            f"{called} has the shape {tuple(tensor.shape)}; batch x time of the input, "
            f"{tuple(x.shape[:2])}, is expected"
        )
    return tensor


def split_resets(inputs: Inputs, resets: Tensor, cell: Cell) -> tuple[Inputs, Tensor]:
    """Return the inputs without resets, and the resets, which may be an entry of the inputs.

    Wrappers such as `keras.layers.Bidirectional` pass on the inputs, but no other arguments.

    Args:
        inputs: ``batch x time x features``, or a mapping by name.
        resets: the argument ``resets`` of the call.
        cell: the built cell; if it has an input named ``resets``, that entry stays an input.

    Raises:
        DataError: resets are given twice.
    """
    if not isinstance(inputs, Mapping) or RESETS not in inputs or RESETS in cell.inputs:
        return inputs, resets
    if resets is not None:
        raise DataError("resets are given twice, as an argument and among the inputs")
    rest = {name: value for name, value in inputs.items() if name != RESETS}
    return rest, inputs[RESETS]


def one_step(value: Inputs, axes: str) -> Inputs:
    """Return a value of one step with an added time axis, ``batch x 1 x ...``; None stays None.

    Args:
        value: ``batch x ...``, or a mapping of such values by name.
        axes: the expected axes, such as ``batch x features``.

    Raises:
        DataError: there are more or fewer axes.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: one_step(each, axes) for name, each in value.items()}
    tensor = tf.convert_to_tensor(value)
    if tensor.shape.rank != axes.count(" x ") + 1:
        raise DataError(
            f"a value of a step has the shape {tuple(tensor.shape)}; {axes} is expected"
        )
    return tf.expand_dims(tensor, 1)


def checked_resets(resets: Tensor, x: Tensor) -> Tensor:
    """Return resets as ``batch x time`` booleans, or None.

    Args:
        resets: ``batch x time`` or ``batch x time x 1``, booleans or integers 0 and 1, true where a
            new sequence begins.
        x: the input, ``batch x time x features``.

    Raises:
        DataError: they are neither booleans nor 0 and 1, or do not have the input's shape.
    """
    if resets is None:
        return None
    tensor = tf.convert_to_tensor(resets)
    if tensor.dtype.is_integer:
        _of_steps(tensor != 0, x, "resets")
        known = tf.get_static_value(tensor)
        if known is not None and ((known < 0) | (known > 1)).any():
            wrong = known[(known < 0) | (known > 1)][0]
            raise DataError(
                f"resets has the value {wrong}; 1 where a new sequence begins and 0 elsewhere "
                "are expected"
            )
        tensor = tensor != 0
    return tf.ensure_shape(_of_steps(tensor, x, "resets"), x.shape[:2])


def checked_states(
    given: States,
    shapes: Mapping[str, Shape],
    matrices: Mapping[str, tuple[int, ...]],
    dtype: str,
) -> dict[str, Tensor]:
    """Return the given initial states by name, in the layer's type.

    Args:
        given: a mapping by name, a list in the order of ``shapes``, one tensor, or None.
        shapes: the shape of each state.
        matrices: the shape, without batch, of each state that is a matrix; it is stored flat, and
            may be given as a matrix or flat.
        dtype: the type of states.

    Raises:
        DataError: a state is unknown, there are too many or too few, or a shape or type is wrong.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        by_name = dict(given)
    else:
        values = list(given) if isinstance(given, (list, tuple)) else [given]
        if isinstance(given, str) or len(values) != len(shapes):
            came = f"is {given!r}" if isinstance(given, str) else f"has {len(values)} arrays"
            raise DataError(
                f"initial_state {came}; one for each of {', '.join(shapes)}, in this order, or a "
                "mapping by name is expected"
            )
        by_name = dict(zip(shapes, values, strict=True))
    states = {}
    for name, value in by_name.items():
        if name not in shapes:
            raise DataError(
                f"initial_state: there is no state {name!r}; the states are {listed(shapes)}"
            )
        tensor = tf.convert_to_tensor(value)
        if not tensor.dtype.is_floating:
            raise DataError(
                f"initial_state[{name!r}] is {tensor.dtype.name}; "
                "floating point numbers are expected"
            )
        full = (shapes[name][0], *matrices.get(name, ()))
        if name in matrices and tensor.shape.is_compatible_with(tf.TensorShape(full)):
            tensor = tf.reshape(tensor, [-1, shapes[name][1]])
        if not tensor.shape.is_compatible_with(tf.TensorShape(shapes[name])):
            also = f" or {full}" if name in matrices else ""
            raise DataError(
                f"initial_state[{name!r}] has the shape {tuple(tensor.shape)}; "
                f"{shapes[name]}{also} is expected"
            )
        states[name] = tf.cast(tensor, dtype)
    return states
