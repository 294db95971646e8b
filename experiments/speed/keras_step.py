"""Keras' own layers, and the best that Keras allows for a cell that it does not have."""

from __future__ import annotations

from typing import Any

import keras

from .contender import Started
from .keras_peephole import PeepholeCell
from .size import Size
from .tensorflow_step import training_step


def layer(cell: str, units: int, **options: Any) -> Any:
    """Return Keras' layer with this cell.

    Args:
        cell: ``lstm``, ``gru`` (reset before the product), ``gru_reset_after`` or ``peephole``.
        units: the layer's width.
        options: further arguments of Keras' recurrent layers.
    """
    if cell == "lstm":
        return keras.layers.LSTM(units, **options)
    if cell in ("gru", "gru_reset_after"):
        return keras.layers.GRU(units, reset_after=cell == "gru_reset_after", **options)
    return keras.layers.RNN(PeepholeCell(units, dtype=options.get("dtype")), **options)


def make(cell: str, mode: str, size: Size, every_step: bool) -> Started:
    """Return the training step of Keras' layer: a loop, the loop under XLA, or unrolled."""
    options = {"return_sequences": every_step, "unroll": mode == "unrolled"}
    built = layer(cell, size.units, **options)
    step = training_step(built, size, every_step=every_step, jit=mode == "xla")
    return Started(step, note=type(built).__name__)
