"""Choose the examples of each batch or window, as a function of seed, epoch and step, in NumPy.

A batch has whole sequences. With ``trainer.tbptt``, a training step reads a window instead: some
consecutive steps of several sequences, whose states are carried to the next window (`Streams`,
`WindowOrder`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy

from gatekit.cell.errors import DataError
from gatekit.tasks import seeds
from gatekit.tasks.task import Batch, Task

STREAMED_EPOCH = 100
"""Steps that count as an epoch if a task draws fresh data for every step."""

EVALUATIONS = 20
"""The most evaluations of the validation data in a run whose length is given in steps."""

EVALUATED = 256
"""Steps per window of validation and test data, constant: no score depends on trainer.tbptt."""


def bucket(time: int) -> int:
    """Return the length that a sequence is padded to, for XLA compiles each length separately.

    It is at most a quarter longer: ``b_1 = 1``, ``b_{i+1} = max(b_i + 1, floor(5 b_i / 4))``.

    Args:
        time: the number of steps, from 0.
    """
    length = min(time, 1)
    while length < time:
        length = max(length + 1, length * 5 // 4)
    return length


@dataclass(frozen=True)
class StepData:
    """The data of one training step.

    Attributes:
        x: batch x time x features, or tokens: batch x time.
        mask: batch x time, True where a step is valid.
        y: the targets.
        weights: how much each example (batch) or step (batch x time) counts; 0 for padding.
        resets: batch x time, True where a new sequence begins within a row; None if nowhere.
        begins: batch, True where a stream begins; None if sequences are read whole.
    """

    x: numpy.ndarray
    mask: numpy.ndarray | None
    y: numpy.ndarray
    weights: numpy.ndarray
    resets: numpy.ndarray | None = None
    begins: numpy.ndarray | None = None


def ordered(
    batch: Batch, size: int, every: bool, order: numpy.ndarray | None = None
) -> Iterator[StepData]:
    """Yield the examples of a split in batches of equal size; padding in the last has no weight.

    Args:
        batch: the split.
        size: examples per batch.
        every: whether the task counts every step or only the last.
        order: the order of the examples; unchanged if None.
    """
    count = len(batch.x)
    order = numpy.arange(count) if order is None else order
    for start in range(0, count, size):
        rows = order[start : start + size]
        yield taken(batch, rows, size, every)


def taken(batch: Batch, rows: numpy.ndarray, size: int, every: bool) -> StepData:
    """Return some examples as one batch of ``size``, cut to the length of the longest one."""
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
        x = _zeroed(x, mask)
    if every:
        y = _zeroed(y, weights > 0)
    missing = size - len(rows)
    if missing:
        x, y, weights = _filled(x, missing), _filled(y, missing), _filled(weights, missing)
        mask = None if mask is None else _filled(mask, missing)
        resets = None if resets is None else _filled(resets, missing)
    return StepData(x, mask, y, weights, resets)


def lengthened(step: StepData, every: bool) -> StepData:
    """Return a batch; if it has a mask, pad it at its end to one of few lengths, with weight 0."""
    if step.mask is None:
        return step
    more = bucket(step.mask.shape[1]) - step.mask.shape[1]
    x, mask = _longer(step.x, more), _longer(step.mask, more)
    if not every:
        return StepData(x, mask, step.y, step.weights)
    resets = None if step.resets is None else _longer(step.resets, more)
    return StepData(x, mask, _longer(step.y, more), _longer(step.weights, more), resets)


def labelled(step: StepData, few: bool) -> tuple[StepData, numpy.ndarray]:
    """Return a batch with targets and weights of its labelled steps only, and the places of these.

    Args:
        step: the batch; each step has a target, and those with a weight count.
        few: whether the number of places is one of few, because XLA compiles each once.

    Returns:
        The batch, whose ``y`` and ``weights`` are batch x places, and the places, batch x places,
        in order of time. A row with fewer labelled steps has further places of weight 0.
    """
    counted = step.weights > 0
    most = max(1, int(counted.sum(axis=1).max()))
    most = min(bucket(most) if few else most, counted.shape[1])
    places = numpy.argsort(~counted, axis=1, kind="stable")[:, :most].astype("int32")
    wide = places.reshape(places.shape + (1,) * (step.y.ndim - 2))
    y = numpy.take_along_axis(step.y, wide, axis=1)
    weights = numpy.take_along_axis(step.weights, places, axis=1)
    return replace(step, y=y, weights=weights), places


def shuffled(seed: int, epoch: int, count: int) -> numpy.ndarray:
    """Return the order of the training examples in an epoch."""
    return seeds.generator(seed, "order", epoch).permutation(count)


def steps_per_epoch(count: int | None, size: int) -> int:
    """Return the number of training steps of an epoch; ``count`` is None for streamed tasks."""
    return STREAMED_EPOCH if count is None else -(-count // size)


def step_size(train: Batch | None, fresh: Callable[[], Batch], size: int) -> tuple[float, float]:
    """Return the mean number of sequences per training step, and of valid steps per sequence.

    Args:
        train: the training split; None for streamed tasks.
        fresh: draws a batch of a streamed task.
        size: examples per batch.
    """
    batch = fresh() if train is None else train
    count = len(batch.x)
    steps = 1 if train is None else steps_per_epoch(count, size)
    valid = batch.x.shape[1] if batch.mask is None else float(batch.mask.sum()) / count
    return count / steps, float(valid)


def _weights(
    batch: Batch, rows: numpy.ndarray, mask: numpy.ndarray | None, x: numpy.ndarray, every: bool
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


def _zeroed(array: numpy.ndarray, counted: numpy.ndarray) -> numpy.ndarray:
    """Return an array with zeros where it does not count, along its leading axes."""
    # Values that do not count may be NaN, and NaN times a weight of zero is NaN.
    counted = counted.reshape(counted.shape + (1,) * (array.ndim - counted.ndim))
    return numpy.where(counted, array, numpy.zeros((), array.dtype))


def _longer(array: numpy.ndarray, more: int) -> numpy.ndarray:
    return numpy.pad(array, ((0, 0), (0, more), *(((0, 0),) * (array.ndim - 2))))


def _filled(array: numpy.ndarray, missing: int) -> numpy.ndarray:
    """Return an array with rows of zeros added at its end."""
    return numpy.concatenate([array, numpy.zeros((missing, *array.shape[1:]), array.dtype)])


@dataclass(frozen=True)
class Streams:
    """Sequences of equal length that are read in parallel, in consecutive windows.

    Window s has the steps s K to s K + K - 1 of every stream. Steps beyond the end of a stream
    have no weight.

    Args:
        batch: the data; all its rows together are read as one sequence.
        starts: the step of that sequence at which each stream begins.
        length: steps per stream; the sequence may end before the last stream does.
        size: streams per window; missing streams are empty.
        window: K, the steps per window.
        every: whether the task counts every step or only the last.
    """

    batch: Batch
    starts: numpy.ndarray
    length: int
    size: int
    window: int
    every: bool

    def __len__(self) -> int:
        """Return the number of windows."""
        return -(-self.length // self.window)

    @property
    def masked(self) -> bool:
        """Whether windows have masks: from the data, or to mark the end of the sequences."""
        short = not self.every and bool(self.length % self.window)
        return self.batch.mask is not None or short

    def __getitem__(self, place: int) -> StepData:
        """Return a window, counted from 0; streams begin in the first one."""
        batch, (rows, time) = self.batch, self.batch.x.shape[:2]
        within = place * self.window + numpy.arange(self.window)
        at = self.starts[:, None] + within
        there = (within < self.length) & (at < rows * time)
        at = numpy.where(there, at, 0)

        def cut(array: numpy.ndarray) -> numpy.ndarray:
            return array.reshape(rows * time, *array.shape[2:])[at]

        mask = there if batch.mask is None else cut(batch.mask) & there
        if self.every:
            counts = mask if batch.weights is None else cut(batch.weights) * there
            weights = counts.astype("float32")
            y = _zeroed(cut(batch.y), weights > 0)
        else:
            chosen = self.starts // time
            weights = numpy.isin(self._last(chosen), within, kind="sort").astype("float32")
            y = batch.y[chosen]
        x = _zeroed(cut(batch.x), mask)
        missing = self.size - len(self.starts)
        if missing:
            x, y, mask, weights = (_filled(a, missing) for a in (x, y, mask, weights))
        resets = None if batch.resets is None else _filled(cut(batch.resets) & there, missing)
        begins = numpy.full(self.size, place == 0)
        return StepData(x, mask if self.masked else None, y, weights, resets, begins)

    def _last(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Return the last valid step of each sequence, to which its one target belongs."""
        if self.batch.mask is None:
            return numpy.full(len(rows), self.length - 1)
        mask = self.batch.mask[rows]
        return numpy.where(mask.any(1), mask.shape[1] - 1 - mask[:, ::-1].argmax(1), 0)


def document(batch: Batch, size: int, window: int) -> Streams:
    """Return a split whose rows form one document, cut into ``size`` streams of equal length.

    Args:
        batch: the split, with a target for every step.
        size: the number of streams.
        window: steps per window; the length of a stream if that is less.
    """
    length = -(-batch.x.shape[0] * batch.x.shape[1] // size)
    starts = length * numpy.arange(size)
    return Streams(batch, starts, length, size, min(window, length), every=True)


def sequences(batch: Batch, rows: numpy.ndarray, size: int, window: int, every: bool) -> Streams:
    """Return some sequences of a split, each of which is a stream.

    Args:
        batch: the split.
        rows: the sequences.
        size: streams per window; missing streams are empty.
        window: steps per window; the length of a sequence if that is less.
        every: whether the task counts every step or only the last.
    """
    length = batch.x.shape[1]
    return Streams(batch, rows * length, length, size, min(window, length), every)


class WindowOrder:
    """The order of the windows of a run.

    The sequences of a contiguous task are one document, which is cut into ``size`` streams. The
    sequences of any other task are streams themselves, and a batch of them is read to its end
    before the next batch begins.

    Args:
        task: the task.
        size: streams that are read in parallel, ``trainer.batch``.
        window: K, ``trainer.tbptt``.
    """

    def __init__(self, task: Task, size: int, window: int) -> None:
        self.contiguous = bool(task.contiguous)
        self.every = task.signature().emission == "every"
        self.size, self.window = size, window

    def per_batch(self, batch: Batch) -> int:
        """Return the number of windows of a batch of sequences, or of the whole document."""
        return len(self._of(batch, numpy.arange(1), self.window))

    def masked(self, batch: Batch) -> bool:
        """Return whether windows of a split need masks, in training or in evaluation."""
        rows = numpy.arange(1)
        return any(self._of(batch, rows, window).masked for window in (self.window, EVALUATED))

    def training(self, batch: Batch, rows: numpy.ndarray, place: int, count: int) -> StepData:
        """Return a window of training data.

        Args:
            batch: the data.
            rows: the sequences of the batch; ignored for a document.
            place: the window, from 0 to ``count`` - 1.
            count: the number of windows of every batch.

        Raises:
            DataError: the sequences are longer than those of the first batch, which set ``count``.
        """
        streams = self._of(batch, rows, self.window)
        if len(streams) > count:
            raise DataError(
                f"trainer.tbptt={self.window}: a batch has sequences of {streams.length} steps, "
                f"and the first one had {count} windows; sequences of one length are expected"
            )
        return streams[place]

    def evaluation(self, batch: Batch) -> Iterator[StepData]:
        """Yield the windows of a split in order; their length does not depend on K."""
        for start in range(0, 1 if self.contiguous else len(batch.x), self.size):
            rows = numpy.arange(start, min(start + self.size, len(batch.x)))
            streams = self._of(batch, rows, EVALUATED)
            yield from (streams[place] for place in range(len(streams)))

    def _of(self, batch: Batch, rows: numpy.ndarray, window: int) -> Streams:
        if self.contiguous:
            return document(batch, self.size, window)
        return sequences(batch, rows, self.size, window, self.every)
