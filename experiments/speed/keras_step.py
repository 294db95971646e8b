"""Keras' own layers, `keras.layers.LSTM` and `keras.layers.GRU`."""

from __future__ import annotations

from typing import Any

import keras

from .contender import Started
from .size import Size
from .tensorflow_step import started


def layer(cell: str, units: int, **options: Any) -> Any:
    """Return Keras' layer with this cell.

    Args:
        cell: ``lstm``, ``gru`` (reset before the product) or ``gru_reset_after``.
        units: the layer's width.
        options: further arguments of Keras' recurrent layers.
    """
    if cell == "lstm":
        return keras.layers.LSTM(units, **options)
    return keras.layers.GRU(units, reset_after=cell == "gru_reset_after", **options)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the steps of Keras' layer: a loop, the loop under XLA, or unrolled."""
    options = {"return_sequences": every_step, "unroll": mode == "unrolled"}
    built = layer(cell, size.units, **options)
    return started(built, size, every_step=every_step, jit=mode == "xla", note=type(built).__name__)
