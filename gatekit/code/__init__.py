"""A cell's code: one self-contained file in torch, JAX, Keras or NumPy, from the built cell."""

from .generate import FRAMEWORKS, Generated, generate

__all__ = ["FRAMEWORKS", "Generated", "generate"]
