"""The weights of a layer: names, and values as the equations read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from gatekit.cell.first_values import draw, generator
from gatekit.cell.graph import Cell
from gatekit.cell.parameter import MAPS

__all__ = ["draw", "generator", "starting_at", "weight_values"]


def starting_at(value: Any) -> Any:
    """Return an initializer that gives this value."""

    def initializer(shape: Any, dtype: Any = None) -> Any:
        return tf.cast(tf.constant(np.asarray(value).reshape(shape)), dtype)

    return initializer


def weight_values(cell: Cell, variables: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Return the weights as tensors of the variables' type, parameters through their map.

    Args:
        cell: the built cell.
        variables: Keras' variables by name.
        dtype: the type of variables.
    """
    values = {}
    for name, variable in variables.items():
        value = tf.cast(tf.convert_to_tensor(variable.value), dtype)
        parameter = cell.parameters.get(name)
        if parameter is not None and parameter.map:
            value = MAPS[parameter.map].function(value)
        values[name] = value
    return values
