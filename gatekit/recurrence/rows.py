"""Rows of several values side by side: joined, cut apart by key, and stepped through in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf


def side_by_side(tensors: list[Any]) -> Any:
    """Return the tensors joined along the last axis."""
    return tf.concat(tensors, -1) if len(tensors) > 1 else tensors[0]


def split(tensor: Any, keys: Iterable[str], widths: Mapping[str, int]) -> dict[str, Any]:
    keys = list(keys)
    if len(keys) == 1:
        return {keys[0]: tensor}
    return dict(zip(keys, tf.split(tensor, [widths[k] for k in keys], -1), strict=True))


def unstack(sequence: Any, static: tuple[Any, Any]) -> Any:
    # Where rows are read a step early, the first is read twice; eagerly it would be gone by then.
    array = tf.TensorArray(
        sequence.dtype,
        size=tf.shape(sequence)[0],
        element_shape=[static[1], sequence.shape[-1]],
        clear_after_read=False,
    )
    return array.unstack(sequence)
