"""The frame of each framework: imports, class or functions, and the loop over time.

No module here is public.
"""

from __future__ import annotations

from collections.abc import Callable

from gatekit.code.cell_text import Access, CellText

from .jax import JAX, jax_file
from .keras import KERAS, keras_file
from .torch import TORCH, torch_file

FRAMES: dict[str, tuple[Access, Callable[[CellText], str]]] = {
    "torch": (TORCH, torch_file),
    "jax": (JAX, jax_file),
    "keras": (KERAS, keras_file),
}
