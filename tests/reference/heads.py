"""What the witnesses of matrix memories share: heads, and a modulus that complex steps can pass."""

from __future__ import annotations

import numpy as np

from .functions import Array


def cut(a: Array, heads: int) -> Array:
    """Batch x (heads d) as batch x heads x d."""
    return a.reshape(len(a), heads, -1)


def absolute(a: Array) -> Array:
    """The modulus by the sign of the real part, analytic away from zero."""
    return np.where(np.real(a) >= 0, a, -a)


def unit(a: Array, eps: float) -> Array:
    """Vectors along the last axis divided by the root of their squared length plus eps."""
    return np.asarray(a / np.sqrt(np.sum(a * a, axis=-1, keepdims=True) + eps))
