"""The frame of each framework: imports, class or functions, and the loop over time."""

from __future__ import annotations

from collections.abc import Callable

from gatekit.code.parts import Access, Parts

from .functions import JAX, NUMPY, jax_file, numpy_file
from .keras import KERAS, keras_file
from .torch import TORCH, torch_file

FRAMES: dict[str, tuple[Access, Callable[[Parts], str]]] = {
    "torch": (TORCH, torch_file),
    "jax": (JAX, jax_file),
    "keras": (KERAS, keras_file),
    "numpy": (NUMPY, numpy_file),
}
