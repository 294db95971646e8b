"""What each framework calls the operations: one table for each.

Start with `notation.py`. A template has ``{0}`` for an argument, and ``{0:5}`` for one that needs
parentheses unless it is an atom. Helper functions are written into a file that needs them; ``A`` is
the type of arrays. `arrays` has NumPy, and what JAX and Keras call alike.
"""

from __future__ import annotations

from .arrays import NUMPY
from .jax import JAX
from .keras import KERAS
from .notation import Framework
from .torch import TORCH

FRAMEWORKS = {"torch": TORCH, "jax": JAX, "keras": KERAS, "numpy": NUMPY}

__all__ = ["FRAMEWORKS", "Framework"]
