"""Computes the operations of a block in order, each with its Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.sequence import Convolve, Operation, Recur, SequenceProgram
from gatekit.cell.language.expression import evaluate

from .keras_parts import apply_part
from .order import Order


def run(
    program: SequenceProgram,
    layer_of: Callable[[Operation], keras.layers.Layer],
    env: Mapping[str, Tensor],
    training: bool,
    order: Order | None = None,
    given: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the value of a program in one direction, and the last states by name.

    Args:
        program: the operations.
        layer_of: returns the Keras layer of an operation.
        env: the inputs by name, ``batch x time x width``.
        training: whether dropout draws.
        order: the valid steps; None if each step is computed separately.
        given: states by name; missing states start from their initial values.
    """
    order, given = order or Order(env["x"], None, None), given or {}
    values, states = dict(env), dict[str, Tensor]()
    for op in program.ops:
        layer = layer_of(op)
        value = evaluate(op.of, values, program.functions)
        if isinstance(op, Convolve):
            name = f"{op.name}_inputs"
            before = given.get(name)
            if before is None:
                before = tf.zeros([tf.shape(value)[0], op.kernel - 1, op.fed], value.dtype)
            value, last = layer(value, tf.cast(before, value.dtype), order=order)
            if op.carried:
                states[name] = tf.cast(last, layer.variable_dtype)
        elif isinstance(op, Recur):
            more = {} if order.resets is None else {"resets": order.resets}
            cells = {n: v for n, v in given.items() if n in layer.state_names}
            value, *states_of_cell = layer(
                value, initial_state=cells or None, mask=order.mask, training=training, **more
            )
            states.update(zip(layer.state_names, states_of_cell, strict=True))
            value = tf.identity(value)  # drops the mask, about which Keras' norms would warn
        else:
            value = apply_part(layer, op, value, training)
        values[op.name] = value
    return evaluate(program.value, values, program.functions), states
