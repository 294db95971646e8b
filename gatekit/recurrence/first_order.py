"""Functions with a gradient of their own, which cannot be differentiated again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def first_order(
    forward: Callable[[Sequence[Any]], tuple[list[Any], Any]],
    backward: Callable[[Sequence[Any], Any, Sequence[Any]], list[Any]],
    who: str,
    remedy: str,
    tensors: Sequence[Any],
) -> list[Any]:
    """Return a function's outputs, such that TensorFlow asks `backward` for their gradient.

    Args:
        forward: tensors to outputs, and what the gradient needs of this call.
        backward: tensors, what `forward` kept and the outputs' gradients to the tensors' gradients.
        who: what has no second derivative, for the error message.
        remedy: the layer's arguments that have one.
        tensors: everything that a gradient is wanted for.

    Raises:
        NotImplementedError: on differentiating a second time, and on forward-mode derivatives.
    """

    def refuse(*_: Any) -> Any:
        raise NotImplementedError(
            f"{who} has first-order gradients only; for second-order or forward-mode derivatives "
            f"build the layer with {remedy}"
        )

    @tf.custom_gradient
    def function(*tensors: Any) -> Any:
        outputs, kept = forward(tensors)

        def grad(*cotangents: Any) -> Any:
            @tf.custom_gradient
            def gradient(*everything: Any) -> Any:
                given, flows = everything[: len(tensors)], everything[len(tensors) :]
                return backward(given, kept, flows), refuse

            return gradient(*tensors, *cotangents)

        return outputs, grad

    made = function(*tensors)
    return list(made) if isinstance(made, (list, tuple)) else [made]
