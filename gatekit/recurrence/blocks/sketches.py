"""Computes the methods of a block: their parts in order, each with its Keras layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.block.sketch import Part, Sketch
from gatekit.cell.language.expression import evaluate
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.recurrence.masking import backwards

from .keras_parts import apply_part
from .order import Order


def run_mix(
    sketch: Sketch,
    layer_of: Callable[[Part], keras.layers.Layer],
    x: Tensor,
    order: Order,
    given: Mapping[str, Tensor],
    resets: Tensor,
    training: bool,
    dtype: str,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the value of ``mix`` in one direction, and the last states by name.

    Args:
        sketch: the parts of ``mix``.
        layer_of: returns the Keras layer of a part.
        x: the block's input, ``batch x time x width``.
        order: the valid steps.
        given: states by name; missing states start from their initial values.
        resets: ``batch x time`` booleans, or None.
        training: whether dropout draws.
        dtype: the type of states.
    """
    env, states = {"x": x}, dict[str, Tensor]()
    for part in sketch.parts:
        layer = layer_of(part)
        value = evaluate(part.of, env, FUNCTIONS)
        if part.kind == "convolution":
            name = f"{part.name}_inputs"
            before = given.get(name)
            if before is None:
                before = _nothing(part, value, part.options["kernel"] - 1)
            value, last = layer(value, tf.cast(before, value.dtype), order=order)
            if part.carried:
                states[name] = tf.cast(last, dtype)
        elif part.kind == "mixer":
            more = {} if resets is None else {"resets": resets}
            cells = {n: v for n, v in given.items() if n in layer.state_names}
            value, *last = layer(
                value, initial_state=cells or None, mask=order.mask, training=training, **more
            )
            states.update(zip(layer.state_names, last, strict=True))
            value = tf.identity(value)  # drops the mask, about which Keras' norms would warn
        else:
            value = apply_part(layer, part, value, training)
        env[part.name] = value
    return evaluate(sketch.value, env, FUNCTIONS), states


def run_mix_backwards(
    sketch: Sketch,
    layer_of: Callable[[Part], keras.layers.Layer],
    x: Tensor,
    mask: Tensor,
    resets: Tensor,
    training: bool,
    dtype: str,
    whole: bool,
) -> Tensor:
    """Return the value of ``mix`` computed from the last step to the first, in the order of x.

    Args:
        sketch: as for `run_mix`, as are ``layer_of``, ``x``, ``resets``, ``training``, ``dtype``.
        mask: ``batch x time`` booleans, or None.
        whole: whether to return every step or only the first valid one.
    """
    again = None if resets is None else tf.transpose(backwards(tf.transpose(resets)))
    order = Order(x, None if mask is None else tf.reverse(mask, [1]), again)
    value, _ = run_mix(sketch, layer_of, tf.reverse(x, [1]), order, {}, again, training, dtype)
    return tf.reverse(value, [1]) if whole else order.end(value)


def run_stepwise(
    sketch: Sketch,
    layer_of: Callable[[Part], keras.layers.Layer],
    env: dict[str, Tensor],
    training: bool,
) -> Tensor:
    """Return the value of ``combine`` or ``finish``, computed for each step separately.

    Args:
        sketch: the parts of the method.
        layer_of: returns the Keras layer of a part.
        env: the inputs by name; the parts' values are added.
        training: whether dropout draws.
    """
    for part in sketch.parts:
        value = evaluate(part.of, env, FUNCTIONS)
        layer = layer_of(part)
        if part.kind == "convolution":  # over a single step
            order = Order(value, None, None)
            env[part.name] = layer(value, _nothing(part, value, 0), order=order)[0]
        else:
            env[part.name] = apply_part(layer, part, value, training)
    return evaluate(sketch.value, env, FUNCTIONS)


def _nothing(part: Part, value: Tensor, steps: int) -> Tensor:
    """Return zeros as the inputs of a convolution before the first step."""
    return tf.zeros([tf.shape(value)[0], steps, part.fed], value.dtype)
