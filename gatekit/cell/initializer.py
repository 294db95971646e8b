"""Initializers: initial values of weights, drawn by NumPy from one generator per weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .declare import Declared


@dataclass(frozen=True)
class DrawContext:
    """What an initializer may depend on: units of the gate, units and features of the layer."""

    gate_units: int
    units: int
    features: int


class Initializer(Declared):
    """Initial values of a weight, which depend only on generator, shape and context."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], context: DrawContext
    ) -> NDArray[Any]:
        """Return the initial values in float64.

        Args:
            rng: the generator of this weight.
            shape: the weight's shape.
            context: the sizes of gate and layer.
        """
        raise NotImplementedError
