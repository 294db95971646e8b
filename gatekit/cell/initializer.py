"""Initializers: first values of weights, drawn by NumPy from a generator of the weight's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .declare import Declared


@dataclass(frozen=True)
class DrawContext:
    """What an initializer may know: its gate's units, and the layer's units and features."""

    gate_units: int
    units: int
    features: int


class Initializer(Declared):
    """First values of a weight; the draw depends on the generator and the shape only."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], context: DrawContext
    ) -> NDArray[Any]:
        """Return the first values, of the given shape, in float64.

        Args:
            rng: a generator that belongs to this weight alone.
            shape: the weight's shape.
            context: the sizes of gate and layer.
        """
        raise NotImplementedError
