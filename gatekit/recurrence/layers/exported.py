"""A layer as a SavedModel, which runs without gatekit: whole sequences, and one step at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

EMITTED = "emitted"
"""The name of what a step emits; no signal of a cell may have it."""


def export(layer: Any, folder: str | os.PathLike[str]) -> None:
    """Write a built layer with the signatures ``serve``, ``start`` and ``step``.

    Args:
        layer: the layer, a `gatekit.RNN` or a `gatekit.BlockLayer`.
        folder: the folder of the SavedModel.
    """
    widths, dtype = layer.input_widths(), layer.variable_dtype
    shapes = layer.state_shapes(None)
    whole = {n: tf.TensorSpec([None, None, w], dtype, name=n) for n, w in widths.items()}
    one = {n: tf.TensorSpec([None, w], dtype, name=n) for n, w in widths.items()}
    before = {n: f"{plain(n)}_prev" for n in shapes}
    one |= {before[n]: tf.TensorSpec(s, dtype, name=before[n]) for n, s in shapes.items()}

    def start(batch: Any) -> dict[str, Any]:
        return {before[n]: value for n, value in layer.initial_states(batch).items()}

    def step(given: Mapping[str, Any]) -> dict[str, Any]:
        states = {n: given[before[n]] for n in shapes}
        inputs = {n: given[n] for n in widths}
        emitted, new = layer.step(inputs if len(inputs) > 1 else inputs["x"], states)
        return {EMITTED: emitted, **{plain(n): value for n, value in new.items()}}

    archive = keras.export.ExportArchive()
    archive.track(layer)
    inputs: Any = whole if len(whole) > 1 else whole["x"]
    archive.add_endpoint("serve", layer, input_signature=[inputs])
    archive.add_endpoint("start", start, input_signature=[tf.TensorSpec([], tf.int32, "batch")])
    archive.add_endpoint("step", step, input_signature=[one])
    archive.write_out(os.fspath(folder), verbose=False)


def plain(state: str) -> str:
    """Return a state's name as a parameter of a signature, which has no dots."""
    return state.replace(".", "_")
