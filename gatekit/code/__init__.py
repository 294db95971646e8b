"""Writes a built cell as code: one self-contained file in torch, JAX or Keras.

Start with `generate.py`. The package is callable: ``gatekit.code("gru", to="jax")`` is
``gatekit.code.code(...)``.

Public: the names in `__all__`. The modules are not.
"""

from __future__ import annotations

from gatekit.cell.calls import make_callable

from .entry import code
from .generate import Generated, generate
from .notations import FRAMEWORKS

__all__ = ["FRAMEWORKS", "Generated", "code", "generate"]

make_callable(__name__)
