"""The training step of a run with ``jit=true``, as one program of XLA's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from gatekit.cell.errors import ConfigError


def compiled_step(model: keras.Model, spec: Any) -> Callable[[Iterator[Any]], Any]:
    """Return what Keras' ``fit`` calls for each batch.

    Keras turns its own ``jit_compile=True`` off if TensorFlow is set to be deterministic, since
    XLA cannot make every operation so. Those of a run it can, or it refuses them by name; and a
    run's first step is made twice, and compared.

    Args:
        model: the compiled model.
        spec: shapes and types of a batch.

    Raises:
        ConfigError: by what is returned; the model has an operation that XLA does not know.
    """
    step = tf.function(model.train_step, input_signature=(spec,), autograph=False, jit_compile=True)

    def function(iterator: Iterator[Any]) -> Any:
        batch = next(iterator)
        try:
            return step(batch)
        except tf.errors.InvalidArgumentError as error:
            if "unsupported operations" not in str(error):
                raise
            raise ConfigError(
                f"jit=true: XLA cannot compile this model. {_unknown(error)} Write it with others, "
                "or type jit=false."
            ) from error

    return function


def _unknown(error: Exception) -> str:
    """Return the operations that XLA does not know, as TensorFlow names them."""
    message = str(error).partition("unsupported operations")[2]
    names = sorted(
        {part.split(" (")[0].split()[-1] for part in message.split("(No registered")[:-1]}
    )
    return f"It does not know {', '.join(names)}." if names else str(error).splitlines()[0]
