"""Which examples are in which batch: a pure function of (seed, epoch, step), in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from gatekit.recurrence.padding import bucket
from gatekit.tasks import seeds

STREAMED_EPOCH = 100
"""Steps that count as an epoch where a task draws fresh data for every step."""


@dataclass(frozen=True)
class Step:
    """What one training step sees.

    Attributes:
        x: batch x time x features, or tokens: batch x time.
        mask: batch x time, True where a step is valid.
        y: the targets.
        weights: how much each example (batch) or step (batch x time) counts; 0 for padding.
        resets: batch x time, True where a new sequence begins within a row; None for nowhere.
        begins: batch, True where a stream begins; None if sequences are read whole.
    """

    x: numpy.ndarray
    mask: numpy.ndarray | None
    y: numpy.ndarray
    weights: numpy.ndarray
    resets: numpy.ndarray | None = None
    begins: numpy.ndarray | None = None


def ordered(
    batch: Any, size: int, every: bool, order: numpy.ndarray | None = None
) -> Iterator[Step]:
    """Yield the examples of a split in batches of one size; the last one's missing rows weigh 0.

    Args:
        batch: the split (a `gatekit.Batch`).
        size: examples per batch.
        every: whether the task counts every step or only the last.
        order: the order of the examples; unchanged if None.
    """
    count = len(batch.x)
    order = numpy.arange(count) if order is None else order
    for start in range(0, count, size):
        rows = order[start : start + size]
        yield taken(batch, rows, size, every)


def taken(batch: Any, rows: numpy.ndarray, size: int, every: bool) -> Step:
    """Return some examples as one batch of ``size``, cut to the longest valid one among them."""
    x, y = batch.x[rows], batch.y[rows]
    mask = None if batch.mask is None else batch.mask[rows]
    resets = None if batch.resets is None else batch.resets[rows]
    weights = _weights(batch, rows, mask, x, every)
    if mask is not None:
        length = _longest(mask)
        x, mask = x[:, :length], mask[:, :length]
        resets = None if resets is None else resets[:, :length]
        if every:
            y, weights = y[:, :length], weights[:, :length]
        x = zeroed(x, mask)
    if every:
        y = zeroed(y, weights > 0)
    missing = size - len(rows)
    if missing:
        x, y, weights = filled(x, missing), filled(y, missing), filled(weights, missing)
        mask = None if mask is None else filled(mask, missing)
        resets = None if resets is None else filled(resets, missing)
    return Step(x, mask, y, weights, resets)


def lengthened(step: Step, every: bool) -> Step:
    """Return a batch with masks padded at its end to one of few lengths; what is added counts for
    nothing."""
    if step.mask is None:
        return step
    more = bucket(step.mask.shape[1]) - step.mask.shape[1]
    x, mask = _longer(step.x, more), _longer(step.mask, more)
    if not every:
        return Step(x, mask, step.y, step.weights)
    resets = None if step.resets is None else _longer(step.resets, more)
    return Step(x, mask, _longer(step.y, more), _longer(step.weights, more), resets)


def shuffled(seed: int, epoch: int, count: int) -> numpy.ndarray:
    """Return the order of the training examples in an epoch."""
    return seeds.generator(seed, "order", epoch).permutation(count)


def steps_per_epoch(count: int | None, size: int) -> int:
    """Return the number of training steps of an epoch; ``count`` is None for streamed tasks."""
    return STREAMED_EPOCH if count is None else -(-count // size)


def step_size(train: Any, fresh: Callable[[], Any], size: int) -> tuple[float, float]:
    """Return the mean number of sequences of a training step, and of valid steps of a sequence.

    Args:
        train: the training split (a `gatekit.Batch`), None for streamed tasks.
        fresh: draws a batch of a streamed task.
        size: examples per batch.
    """
    batch = fresh() if train is None else train
    count = len(batch.x)
    steps = 1 if train is None else steps_per_epoch(count, size)
    valid = batch.x.shape[1] if batch.mask is None else float(batch.mask.sum()) / count
    return count / steps, float(valid)


def _weights(
    batch: Any, rows: numpy.ndarray, mask: numpy.ndarray | None, x: numpy.ndarray, every: bool
) -> numpy.ndarray:
    if not every:
        return numpy.ones(len(rows), "float32")
    if batch.weights is not None:
        return numpy.asarray(batch.weights[rows], "float32")
    if mask is not None:
        return mask.astype("float32")
    return numpy.ones(x.shape[:2], "float32")


def _longest(mask: numpy.ndarray) -> int:
    valid = numpy.flatnonzero(mask.any(axis=0))
    return int(valid[-1]) + 1 if len(valid) else 1


def zeroed(array: numpy.ndarray, kept: numpy.ndarray) -> numpy.ndarray:
    """Return an array with zeros where it does not count, along its leading axes."""
    # What does not count may hold NaN, and NaN times a weight of zero is NaN.
    kept = kept.reshape(kept.shape + (1,) * (array.ndim - kept.ndim))
    return numpy.where(kept, array, numpy.zeros((), array.dtype))


def _longer(array: numpy.ndarray, more: int) -> numpy.ndarray:
    return numpy.pad(array, ((0, 0), (0, more), *(((0, 0),) * (array.ndim - 2))))


def filled(array: numpy.ndarray, missing: int) -> numpy.ndarray:
    """Return an array with rows of zeros added at its end."""
    return numpy.concatenate([array, numpy.zeros((missing, *array.shape[1:]), array.dtype)])
