"""The operations in the notation of each framework, one table per framework.

Start with `notation.py`. A template has ``{0}`` for an argument, and ``{0:5}`` for one that needs
parentheses unless it is an atom. Helper functions are written into files that need them; ``A`` is
the type of arrays. `arrays` has what JAX and Keras share.

No module here is public.
"""

from __future__ import annotations

from .jax import JAX
from .keras import KERAS
from .notation import Framework
from .torch import TORCH

FRAMEWORKS = {"torch": TORCH, "jax": JAX, "keras": KERAS}

__all__ = ["FRAMEWORKS", "Framework"]
