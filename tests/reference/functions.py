"""The functions that the reference recurrences share, analytic under complex numbers.

A branch (the larger of two, the sign of an argument) looks at the real part only, so that a
complex step of 1e-30 carries an exact derivative through every function here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
States = Mapping[str, Array]
Weights = Mapping[str, Array]
Stepped = tuple[Array, dict[str, Array]]


def maximum(a: Array, b: Array) -> Array:
    """The argument with the larger real part, element by element; the first where they tie."""
    return np.where(np.real(a) >= np.real(b), a, b)


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), without overflow for any a."""
    small = np.exp(np.where(np.real(a) >= 0, -a, a))
    return np.asarray(np.where(np.real(a) >= 0, 1.0, small) / (1.0 + small))


def softplus(a: Array) -> Array:
    """log(1 + exp(a)), without overflow for any a."""
    positive = np.real(a) >= 0
    return np.where(positive, a, 0.0) + np.log1p(np.exp(np.where(positive, -a, a)))


def silu(a: Array) -> Array:
    """a sigmoid(a)."""
    return a * sigmoid(a)


def log_sigmoid(a: Array) -> Array:
    """log(sigmoid(a)), finite for any finite a."""
    return -softplus(-a)


def softmax(a: Array) -> Array:
    """exp(a) over its sum along the last axis."""
    shifted = np.exp(a - np.max(np.real(a), axis=-1, keepdims=True))
    return np.asarray(shifted / np.sum(shifted, axis=-1, keepdims=True))


def cumax(a: Array) -> Array:
    """The running sum of the softmax along the last axis: rises from above 0 to 1."""
    return np.asarray(np.cumsum(softmax(a), axis=-1))


def absolute(a: Array) -> Array:
    """The modulus by the sign of the real part, analytic away from zero."""
    return np.where(np.real(a) >= 0, a, -a)


def normalised(a: Array, eps: float) -> Array:
    """The vectors along the last axis with mean 0 and variance 1."""
    centred = a - np.mean(a, axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + eps))
