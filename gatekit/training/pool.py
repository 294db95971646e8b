"""What the head reads of a sequence that has one target: its last output, their mean, or all."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gatekit.cell.errors import DataError

from .feed import Feed


def length(pool: str, feed: Feed) -> int | None:
    """Return the steps of every sequence where the head has weights for each step, else None.

    Args:
        pool: one of ``config.POOLS``.
        feed: the run's data.

    Raises:
        DataError: it would have, and sequences have masks or several lengths.
    """
    if pool != "all":
        return None
    remedy = "pool=all gives each step weights of its own; type pool=mean or pool=last."
    if feed.masked:
        raise DataError(f"some sequences have masks. {remedy}")
    lengths = {name: split.x.shape[1] for name, split in feed.splits.items()}
    lengths.setdefault("train", feed.step(0)[0].shape[1])
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {steps}" for name, steps in lengths.items())
        raise DataError(f"sequences have several lengths: {shown}. {remedy}")
    return int(lengths["train"])


def pooled(pool: str, value: Any, mask: Any, steps: int | None) -> Any:
    r"""Return what the head reads: $\frac{1}{n}\sum_t y_t$ over the n valid steps, or all of them.

    Args:
        pool: ``mean`` or ``all``.
        value: outputs, ``batch x time x width``.
        mask: ``batch x time`` bool, or None.
        steps: what `length` returned.

    Returns:
        ``batch x width``, or ``batch x steps * width`` with the outputs one after another.
    """
    if pool == "all":
        assert steps is not None
        return keras.layers.Reshape((steps * value.shape[-1],), name="all_steps")(value)
    if mask is None:
        return ops.mean(value, axis=1)
    valid = ops.expand_dims(ops.cast(mask, value.dtype), -1)
    return ops.sum(value * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)
