"""Every tensor that the next training step depends on, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy

from gatekit.cell.errors import RunError

from .model import recurrent_layers
from .streams.carrying import Carrying


def kept(model: Any) -> dict[str, numpy.ndarray]:
    """Return a copy of all that a compiled model goes on with: weights, carried states, seed
    generators, optimizer and running loss."""
    return {name: numpy.array(variable.numpy()) for name, variable in _named(model)}


def restore(model: Any, arrays: Mapping[str, numpy.ndarray], prefix: str = "") -> None:
    """Set what `kept` returned, or those of it whose names begin with ``prefix``.

    Raises:
        RunError: the arrays are those of another model.
    """
    named = [(n, v) for n, v in _named(model) if n.startswith(prefix)] if arrays else []
    for name, variable in named:
        value = arrays.get(name)
        if value is None or value.shape != tuple(variable.shape):
            raise RunError(
                f"the checkpoint lacks the tensor {name} of this run's model: gatekit has changed "
                "since. Delete checkpoint.bin and type retry=failed to begin again."
            )
        variable.assign(value)


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    # Keras numbers seed generators, metrics and optimizers within a process: another attempt has
    # other numbers, so that they are named by their owner and place.
    weights = {id(weight) for weight in model.weights}
    for weight in model.weights:
        yield f"weight/{weight.path}", weight
    for layer in model.layers:
        seeds = [variable for variable in layer.variables if id(variable) not in weights]
        for place, variable in enumerate(seeds):
            yield f"seed/{layer.name}/{place}", variable
        if isinstance(layer, Carrying):
            for name, variable in layer.carried.trained.by_name.items():
                yield f"carried/{layer.name}/{name}", variable
    for layer in recurrent_layers(model):
        if layer._counts is not None:
            yield f"newton/{layer.name}", layer._counts.variable
    if model.windows is not None:
        yield "windows", model.windows
    for place, variable in enumerate(model.optimizer.variables):
        yield f"optimizer/{place}/{variable.name}", variable
    for place, variable in enumerate(model.metrics_variables):
        yield f"metric/{place}/{variable.name}", variable
