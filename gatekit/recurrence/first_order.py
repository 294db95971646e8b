"""Functions with a gradient of their own, which cannot be differentiated again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def first_order(
    forward: Callable[[Any], tuple[Any, Any]],
    backward: Callable[[Any, Any, Any], Any],
    message: str,
) -> Callable[[Any], Any]:
    r"""Return a function whose gradient TensorFlow takes from `backward`.

    With $y = f(x)$ and the cotangent $\bar y$ of its outputs, `backward` returns the cotangent
    $\bar x = (\partial f / \partial x)^\top \bar y$ of its inputs.

    Args:
        forward: maps x to y and the residuals: what `backward` needs of this call.
        backward: maps x, the residuals and $\bar y$ to $\bar x$.
        message: the error on differentiating a second time.

    Returns:
        A function of x that returns y. Both are structures of tensors that `tf.nest` flattens; x
        contains every tensor that may have a gradient.

    Raises:
        NotImplementedError: on differentiating a second time, and on forward-mode derivatives.
    """

    def refuse(*_: Any) -> Any:
        raise NotImplementedError(message)

    def function(x: Any) -> Any:
        # The structure of y, without its tensors: eagerly the gradient would keep them alive.
        structure: list[Any] = []

        @tf.custom_gradient
        def outputs(*flat: Any) -> Any:
            y, residuals = forward(tf.nest.pack_sequence_as(x, flat))
            structure[:] = [tf.nest.map_structure(lambda _: 0, y)]

            def grad(*cotangents: Any) -> Any:
                @tf.custom_gradient
                def gradient(*everything: Any) -> Any:
                    given, dy = everything[: len(flat)], everything[len(flat) :]
                    dx = backward(
                        tf.nest.pack_sequence_as(x, given),
                        residuals,
                        tf.nest.pack_sequence_as(structure[0], dy),
                    )
                    tf.nest.assert_same_structure(x, dx)
                    return tf.nest.flatten(dx), refuse

                return gradient(*flat, *cotangents)

            return tf.nest.flatten(y), grad

        found = outputs(*tf.nest.flatten(x))
        return tf.nest.pack_sequence_as(structure[0], tf.nest.flatten(found))

    return function


def refusal(who: str, remedy: str) -> str:
    """Return the error message for a second derivative.

    Args:
        who: what has no second derivative.
        remedy: the layer's arguments that have one.
    """
    return (
        f"{who} has first-order gradients only; for second-order or forward-mode derivatives "
        f"build the layer with {remedy}"
    )
