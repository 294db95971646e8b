"""What a window is: some consecutive steps of sequences that are read side by side, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from gatekit.cell.errors import DataError
from gatekit.training.batches import Step, filled, zeroed

EVALUATED = 256
"""Steps of a window of validation and test data: a constant, so that no score depends on K."""


@dataclass(frozen=True)
class Streams:
    """Sequences of equal length that are read side by side, in windows that follow one another.

    Window s holds the steps s K to s K + K - 1 of every stream. Steps beyond the end of a stream
    count for nothing.

    Args:
        batch: the data (a `gatekit.Batch`), of which all rows together are taken as one sequence.
        starts: the step of that sequence at which each stream begins.
        length: steps of a stream; the sequence may end before the last one does.
        size: streams of a window; missing ones are empty.
        window: K, the steps of a window.
        every: whether the task counts every step or only the last.
    """

    batch: Any
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
        """Whether windows have masks: those of the data, or of a last output that is looked for."""
        short = not self.every and bool(self.length % self.window)
        return self.batch.mask is not None or short

    def __getitem__(self, place: int) -> Step:
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
            y = zeroed(cut(batch.y), weights > 0)
        else:
            chosen = self.starts // time
            weights = numpy.isin(self._last(chosen), within, kind="sort").astype("float32")
            y = batch.y[chosen]
        x = zeroed(cut(batch.x), mask)
        missing = self.size - len(self.starts)
        if missing:
            x, y, mask, weights = (filled(a, missing) for a in (x, y, mask, weights))
        resets = None if batch.resets is None else filled(cut(batch.resets) & there, missing)
        begins = numpy.full(self.size, place == 0)
        return Step(x, mask if self.masked else None, y, weights, resets, begins)

    def _last(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Return the last valid step of sequences, where their one target belongs."""
        if self.batch.mask is None:
            return numpy.full(len(rows), self.length - 1)
        mask = self.batch.mask[rows]
        return numpy.where(mask.any(1), mask.shape[1] - 1 - mask[:, ::-1].argmax(1), 0)


def document(batch: Any, size: int, window: int) -> Streams:
    """Return a split whose rows follow one another as ``size`` streams of equal length.

    Args:
        batch: the split (a `gatekit.Batch`), with a target for every step.
        size: the number of streams.
        window: steps of a window; at most those of a stream are used.
    """
    length = -(-batch.x.shape[0] * batch.x.shape[1] // size)
    starts = length * numpy.arange(size)
    return Streams(batch, starts, length, size, min(window, length), every=True)


def sequences(batch: Any, rows: numpy.ndarray, size: int, window: int, every: bool) -> Streams:
    """Return some sequences of a split, each of which is a stream.

    Args:
        batch: the split (a `gatekit.Batch`).
        rows: the sequences.
        size: streams of a window; missing ones are empty.
        window: steps of a window; at most those of a sequence are used.
        every: whether the task counts every step or only the last.
    """
    length = batch.x.shape[1]
    return Streams(batch, rows * length, length, size, min(window, length), every)


class Plan:
    """In which order the windows of a run come.

    The sequences of a contiguous task are one document, which is cut into ``size`` streams; those
    of any other task are streams by themselves, and a batch of them is read to its end before the
    next one begins.

    Args:
        task: the task.
        size: streams that are read side by side, ``trainer.batch``.
        window: K, ``trainer.tbptt``.
    """

    def __init__(self, task: Any, size: int, window: int) -> None:
        self.contiguous = bool(task.contiguous)
        self.every = task.signature().emission == "every"
        self.size, self.window = size, window

    def per_batch(self, batch: Any) -> int:
        """Return the windows of one batch of sequences, or of the whole document."""
        return len(self._of(batch, numpy.arange(1), self.window))

    def masked(self, batch: Any) -> bool:
        """Return whether windows of a split need masks, in training or in evaluation."""
        rows = numpy.arange(1)
        return any(self._of(batch, rows, window).masked for window in (self.window, EVALUATED))

    def training(self, batch: Any, rows: numpy.ndarray, place: int, count: int) -> Step:
        """Return a window of training data.

        Args:
            batch: the data.
            rows: the sequences of the batch; a document has no choice of them.
            place: the window, from 0 to ``count`` - 1.
            count: the windows of every batch.

        Raises:
            DataError: the sequences are longer than those that determined ``count``.
        """
        streams = self._of(batch, rows, self.window)
        if len(streams) > count:
            raise DataError(
                f"trainer.tbptt={self.window}: a batch has sequences of {streams.length} steps, "
                f"and the first one had {count} windows. Draw sequences of one length and mask "
                "their ends, or remove trainer.tbptt."
            )
        return streams[place]

    def evaluation(self, batch: Any) -> Iterator[Step]:
        """Yield the windows of a split in their order; their length does not depend on K."""
        for start in range(0, 1 if self.contiguous else len(batch.x), self.size):
            rows = numpy.arange(start, min(start + self.size, len(batch.x)))
            streams = self._of(batch, rows, EVALUATED)
            yield from (streams[place] for place in range(len(streams)))

    def _of(self, batch: Any, rows: numpy.ndarray, window: int) -> Streams:
        if self.contiguous:
            return document(batch, self.size, window)
        return sequences(batch, rows, self.size, window, self.every)
