"""Functions with a custom gradient that cannot be differentiated a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

import tensorflow as tf
from tensorflow import Tensor

X = TypeVar("X")
Y = TypeVar("Y")
Residuals = TypeVar("Residuals")


def first_order(
    forward: Callable[[X], tuple[Y, Residuals]],
    backward: Callable[[X, Residuals, Y], X],
    message: str,
) -> Callable[[X], Y]:
    r"""Return a function whose gradient TensorFlow takes from `backward`.

    With $y = f(x)$ and the cotangent $\bar y$ of its outputs, `backward` returns the cotangent
    $\bar x = (\partial f / \partial x)^\top \bar y$ of its inputs.

    Args:
        forward: maps x to y and the residuals, which `backward` reads.
        backward: maps x, the residuals and $\bar y$ to $\bar x$.
        message: the error on differentiating a second time.

    Returns:
        A function of x that returns y. Both are structures of tensors that `tf.nest` flattens; x
        contains every tensor that may have a gradient.

    Raises:
        NotImplementedError: the function is differentiated a second time, or in forward mode.
    """

    def refuse(*_: Tensor) -> NoReturn:
        raise NotImplementedError(message)

    def function(x: X) -> Y:
        # The structure of y without its tensors, which the eager gradient would keep alive.
        structure: list[Y] = []

        @tf.custom_gradient
        def outputs(*flat: Tensor) -> tuple[list[Tensor], Callable[..., list[Tensor]]]:
            y, residuals = forward(tf.nest.pack_sequence_as(x, flat))
            structure[:] = [tf.nest.map_structure(lambda _: 0, y)]

            def grad(*cotangents: Tensor) -> list[Tensor]:
                @tf.custom_gradient
                def gradient(*everything: Tensor) -> tuple[list[Tensor], Callable[..., NoReturn]]:
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

        y = tf.nest.flatten(outputs(*tf.nest.flatten(x)))
        return tf.nest.pack_sequence_as(structure[0], y)

    return function


def refusal(who: str, remedy: str) -> str:
    """Return the error message for a second derivative.

    Args:
        who: the executor or option that has no second derivative.
        remedy: the arguments of a layer that has one.
    """
    return (
        f"{who} has first-order gradients only; for second-order or forward-mode derivatives "
        f"build the layer with {remedy}"
    )
