"""What the witnesses of matrix memories share: heads, and vectors of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from .case import Case
from .functions import Array


def cut(a: Array, heads: int) -> Array:
    """Batch x (heads d) as batch x heads x d."""
    return a.reshape(len(a), heads, -1)


def unit(a: Array, eps: float) -> Array:
    """Vectors along the last axis divided by the root of their squared length plus eps."""
    return np.asarray(a / np.sqrt(np.sum(a * a, axis=-1, keepdims=True) + eps))


def squares(step: Any, states: tuple[str, ...], shapes: Any, heads: int, **constants: int) -> Case:
    """A case whose states are a square matrix in each head."""
    return Case(
        step,
        states,
        shapes,
        config={"constants": {"heads": heads, **constants}},
        widths=lambda units: dict.fromkeys(states, units**2 // heads),
    )
