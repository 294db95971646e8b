"""One batch size for everything that enters a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gatekit.cell.errors import DataError


def known_batch(tensors: Mapping[str, Any]) -> int | None:
    """Return the batch size that the tensors' static shapes know, or None.

    Args:
        tensors: tensors by a name for messages, each with the batch first.

    Raises:
        DataError: two tensors know different batch sizes.
    """
    found: dict[str, int] = {n: t.shape[0] for n, t in tensors.items() if t.shape[0] is not None}
    for name, size in found.items():
        first = next(iter(found))
        if size != found[first]:
            raise DataError(
                f"{name} has {size} sequences and {first} has {found[first]}; give both the same "
                "batch size"
            )
    return next(iter(found.values()), None)


def of_batch(tensors: Mapping[str, Any], size: int | None) -> dict[str, Any]:
    """Return the tensors with this static batch size; unchanged if it is None.

    Loops need it: a state of known batch size that is updated from inputs of unknown batch size
    would change its static shape from step to step.

    Args:
        tensors: tensors by name, each with the batch first.
        size: the batch size, or None.
    """
    if size is None:
        return dict(tensors)
    return {
        name: tensor
        if tensor.shape[0] is not None
        else tf.ensure_shape(tensor, [size, *tensor.shape[1:]])
        for name, tensor in tensors.items()
    }
