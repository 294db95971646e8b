"""Functions of generated files for Keras 3, which has no types."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops


def reservoir(size: int, radius: float, density: float):
    normal = ops.convert_to_numpy(keras.random.normal((size, size)))
    kept = ops.convert_to_numpy(keras.random.uniform((size, size))) < density
    matrix = normal * kept
    largest = np.abs(np.linalg.eigvals(matrix)).max()
    return ops.convert_to_tensor(matrix * (radius / largest if largest > 0 else 0.0))


def split(x, rows: int):
    return ops.reshape(x, (-1, *x.shape[1:-1], rows, x.shape[-1] // rows))


def flat(x):
    return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))


def glorot(*shape: int):
    return keras.initializers.GlorotUniform()(shape)


def orthogonal(*shape: int):
    return keras.initializers.Orthogonal()(shape)


def gelu(x):
    return x * (0.5 + 0.5 * ops.erf(x / math.sqrt(2)))


def valid_first(mask):
    """Return the places of the valid steps in order, then those of the others."""
    # Keras' sort may be unstable, so the keys are distinct.
    steps = ops.arange(ops.shape(mask)[1])
    return ops.argsort(ops.where(mask, steps, steps + ops.shape(mask)[1]), axis=1)
