"""Computes the operations of a block in order, each with its Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.sequence import Convolve, Operation, Recur, SequenceProgram
from gatekit.cell.language.expression import evaluate
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.recurrence.masking import backwards

from .keras_parts import apply_part
from .order import Order

LayerOf = Callable[[Operation], keras.layers.Layer]


def run(
    program: SequenceProgram,
    layer_of: LayerOf,
    env: Mapping[str, Tensor],
    order: Order,
    given: Mapping[str, Tensor],
    resets: Tensor,
    training: bool,
    dtype: str,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the value of a program in one direction, and the last states by name.

    Args:
        program: the operations.
        layer_of: returns the Keras layer of an operation.
        env: the inputs by name, ``batch x time x width``.
        order: the valid steps.
        given: states by name; missing states start from their initial values.
        resets: ``batch x time`` booleans, or None.
        training: whether dropout draws.
        dtype: the type of states.
    """
    values, states = dict(env), dict[str, Tensor]()
    for op in program.ops:
        layer = layer_of(op)
        value = evaluate(op.of, values, FUNCTIONS)
        if isinstance(op, Convolve):
            name = f"{op.name}_inputs"
            before = given.get(name)
            if before is None:
                before = tf.zeros([tf.shape(value)[0], op.kernel - 1, op.fed], value.dtype)
            value, last = layer(value, tf.cast(before, value.dtype), order=order)
            if op.carried:
                states[name] = tf.cast(last, dtype)
        elif isinstance(op, Recur):
            more = {} if resets is None else {"resets": resets}
            cells = {n: v for n, v in given.items() if n in layer.state_names}
            value, *last = layer(
                value, initial_state=cells or None, mask=order.mask, training=training, **more
            )
            states.update(zip(layer.state_names, last, strict=True))
            value = tf.identity(value)  # drops the mask, about which Keras' norms would warn
        else:
            value = apply_part(layer, op, value, training)
        values[op.name] = value
    return evaluate(program.value, values, FUNCTIONS), states


def run_backwards(
    program: SequenceProgram,
    layer_of: LayerOf,
    x: Tensor,
    mask: Tensor,
    resets: Tensor,
    training: bool,
    dtype: str,
    whole: bool,
) -> Tensor:
    """Return the value of ``mix`` computed from the last step to the first, in the order of x.

    Args:
        program: as for `run`, as are ``layer_of``, ``resets``, ``training``, ``dtype``.
        x: the block's input, ``batch x time x width``.
        mask: ``batch x time`` booleans, or None.
        whole: whether to return every step or only the first valid one.
    """
    again = None if resets is None else tf.transpose(backwards(tf.transpose(resets)))
    order = Order(x, None if mask is None else tf.reverse(mask, [1]), again)
    env = {"x": tf.reverse(x, [1])}
    value, _ = run(program, layer_of, env, order, {}, again, training, dtype)
    return tf.reverse(value, [1]) if whole else order.end(value)


def run_stepwise(
    program: SequenceProgram, layer_of: LayerOf, env: Mapping[str, Tensor], training: bool
) -> Tensor:
    """Return the value of ``combine`` or ``finish``, computed for each step separately.

    Args:
        program: as for `run`, as are ``layer_of``, ``env`` and ``training``.
    """
    order = Order(env["x"], None, None)
    return run(program, layer_of, env, order, {}, None, training, env["x"].dtype)[0]
