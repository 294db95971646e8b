"""The weights of a layer: names, first values, and values as the equations read them.

Each first value comes from a generator named by the weight, so that none depends on another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gatekit.cell.errors import GatekitError
from gatekit.cell.graph import Cell, Weight
from gatekit.cell.initializer import DrawContext
from gatekit.cell.parameter import MAPS
from gatekit.cell.schema import make_initializer


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the generator of a weight: a function of seed and name alone."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def draw(cell: Cell, seed: int) -> dict[str, NDArray[Any]]:
    """Return the first values of all weights by name, in float64.

    Args:
        cell: the built cell.
        seed: the layer's seed.

    Raises:
        GatekitError: an initializer cannot draw this shape.
    """
    values: dict[str, NDArray[Any]] = {}
    by_name = {w.name: w for w in cell.weights}

    def value(name: str, chain: tuple[str, ...]) -> NDArray[Any]:
        if name in chain:
            raise GatekitError(f"negative_of goes in a circle: {' -> '.join((*chain, name))}")
        if name not in values:
            weight = by_name[name]
            init = weight.init
            if isinstance(init, Mapping) and "negative_of" in init:
                part = name.split(".", 1)[1]
                values[name] = -value(f"{init['negative_of']}.{part}", (*chain, name))
            else:
                values[name] = _drawn(cell, weight, init, seed)
        return values[name]

    return {name: value(name, ()) for name in by_name}


def _drawn(cell: Cell, weight: Weight, init: Any, seed: int) -> NDArray[Any]:
    if isinstance(init, (int, float)):
        return np.full(weight.shape, float(init))
    made = make_initializer(init, weight.name, cell.spec.catalogue)
    context = DrawContext(weight.gate_units, cell.units, cell.features)
    try:
        drawn = np.asarray(
            made.draw(generator(seed, weight.name), weight.shape, context), dtype=np.float64
        )
    except GatekitError as error:
        raise type(error)(f"{weight.name}: {error}") from None
    if drawn.shape != tuple(weight.shape):
        raise GatekitError(
            f"{weight.name}: {made!r} drew the shape {drawn.shape}; {weight.shape} is needed"
        )
    return drawn


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
