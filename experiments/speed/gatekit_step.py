"""gatekit's layer over a composed cell."""

from __future__ import annotations

import gatekit

from .contender import Started
from .size import Size
from .tensorflow_step import training_step


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the training step of `gatekit.RNN`, in graph mode or compiled by XLA."""
    layer = gatekit.RNN(cell, units=size.units, return_sequences=every_step, seed=0)
    step = training_step(layer, size, every_step=every_step, jit=mode == "xla")
    return Started(step, note=layer.explain().splitlines()[0])
