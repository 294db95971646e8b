"""Converts recurrent layers of Keras and torch to gatekit layers with the same weights, and back.

::

    layer = gatekit.convert.from_keras(keras_layer)
    layers = gatekit.convert.from_torch(torch_module)
    weights = gatekit.convert.from_code("model/model.safetensors", run)

Values are copied, so training one layer afterwards does not change the other.
Start with `gate_weights.py`, which holds weights gate by gate.

Public: the names in `__all__`. The modules are not.
"""

from __future__ import annotations

import gatekit.recurrence  # noqa: F401  chooses Keras' backend, before Keras is imported

from .code import from_code
from .keras import from_keras, to_keras
from .torch import from_torch, to_torch

__all__ = ["from_code", "from_keras", "from_torch", "to_keras", "to_torch"]


def __dir__() -> list[str]:
    return sorted(__all__)
