"""The layers of torchrecurrent, which loop over time in Python."""

from __future__ import annotations

from typing import Any

import torch
import torchrecurrent

from .contender import Started
from .size import Size
from .torch_step import flush, started

LAYERS = {"peephole": torchrecurrent.PeepholeLSTM, "mgu": torchrecurrent.MGU}


def layer(cell: str, features: int, units: int, **options: Any) -> Any:
    """Return the layer with this cell, batch first."""
    return LAYERS[cell](features, units, batch_first=True, **options)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of the layer: as it is, or compiled by TorchScript."""
    flush()
    built = layer(cell, size.features, size.units)
    note = f"torchrecurrent.{type(built).__name__}"
    return started(
        torch.jit.script(built) if mode == "script" else built, size, every_step, note=note
    )
