"""The states of a layer: the cell's, shifted inputs, the count of steps, histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gatekit.cell.graph import Cell


def state_names(cell: Cell) -> tuple[str, ...]:
    """Return the states by name, in the order in which they are returned and given."""
    return tuple(state_shapes(cell, None))


def state_shapes(cell: Cell, batch: Any) -> dict[str, tuple[Any, ...]]:
    """Return the shape of each state by name, in their public order."""
    shapes: dict[str, tuple[Any, ...]] = {s.name: (batch, s.width) for s in cell.states}
    shapes.update({name: (batch, cell.inputs[name]) for name in cell.shifted})
    if cell.uses_t:
        shapes["t"] = (batch, 1)
    for name, length in cell.output.histories:
        shapes[f"{name}_history"] = (batch, length - 1, cell.widths[name])
    return shapes


def first_states(
    cell: Cell, batch: Any, variables: Mapping[str, Any], dtype: Any
) -> dict[str, Any]:
    """Return the first value of each state by name, ``batch x width``.

    Args:
        cell: the built cell.
        batch: the number of rows.
        variables: the weights by name; learned first values are among them.
        dtype: the type of states.
    """
    first: dict[str, Any] = {}
    for state in cell.states:
        shape = tf.stack([batch, state.width])
        if state.learned:
            learned = tf.convert_to_tensor(variables[state.learned])
            first[state.name] = tf.broadcast_to(learned, shape)
        else:
            first[state.name] = tf.fill(shape, tf.cast(state.initial, dtype))
    for name, full in state_shapes(cell, batch).items():
        if name not in first:
            first[name] = tf.zeros(tf.stack(list(full)), dtype)
    return first
