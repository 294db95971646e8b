"""The frame of each framework: imports, class or functions, and the loop over time.

No module here is public.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gatekit.code.cell_text import Access, CellText

from .keras import KERAS, keras_file
from .numpy_and_jax import JAX, NUMPY, functions_file
from .torch import TORCH, torch_file

FRAMES: dict[str, tuple[Access, Callable[[CellText], str]]] = {
    "torch": (TORCH, torch_file),
    "jax": (JAX, partial(functions_file, "jax")),
    "keras": (KERAS, keras_file),
    "numpy": (NUMPY, partial(functions_file, "numpy")),
}
