"""Padding to a few lengths: XLA takes about a second to compile each new length."""

from __future__ import annotations

from typing import Any

import numpy as np

from gatekit.cell.calls import remedied
from gatekit.cell.errors import DataError


def bucket(time: int) -> int:
    """Return the length that a sequence is padded to: at most a quarter longer.

    ``b_1 = 1``, ``b_{i+1} = max(b_i + 1, floor(5 b_i / 4))``

    Args:
        time: the number of steps, from 0.
    """
    length = min(time, 1)
    while length < time:
        length = max(length + 1, length * 5 // 4)
    return length


@remedied("gatekit.pad_time(x, mask)")
def pad_time(x: Any, mask: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch padded at its end to one of a few lengths, and the mask of its valid steps.

    A masked step leaves every state unchanged, so the last output, the states and all gradients
    equal those of the unpadded batch. If every step is returned, so do the first ``time`` outputs.

    Args:
        x: ``batch x time x features``, a batch of any length.
        mask: ``batch x time``, true where valid; None if every step is.

    Returns:
        The batch, ``batch x bucket x features``, and a mask, ``batch x bucket``, of booleans.

    Raises:
        DataError: x does not have three axes, or the mask does not fit it.
    """
    lengths = {np.shape(row)[:1] for row in x} if isinstance(x, (list, tuple)) else set()
    if len(lengths - {(0,)}) > 1:
        raise DataError(
            "pad_time: x must be one array batch x time x features, but it is a list of sequences "
            "of different lengths; write keras.utils.pad_sequences(x, dtype='float32', "
            "padding='post')"
        )
    x = np.asarray(x)
    if x.ndim != 3:
        raise DataError(
            f"pad_time: x must be batch x time x features, but it has shape {x.shape}; write "
            + ("pad_time(x[..., None])" if x.ndim == 2 else "pad_time(x) with three axes")
        )
    valid = np.ones(x.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    if valid.shape != x.shape[:2]:
        raise DataError(
            f"pad_time: the mask must be batch x time, here {x.shape[:2]}, but it has shape "
            f"{valid.shape}"
        )
    more = bucket(x.shape[1]) - x.shape[1]
    return np.pad(x, ((0, 0), (0, more), (0, 0))), np.pad(valid, ((0, 0), (0, more)))
