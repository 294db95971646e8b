"""From a task to the tensors of each training step, which are a function of (seed, step)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import tensorflow as tf

from gatekit.tasks import seeds
from gatekit.tasks.validate import check_sample

from . import batches


class Feed:
    """The batches of one run.

    Args:
        task: the task; it is asked for fresh data where there is no split ``train``.
        splits: the checked splits.
        seed: the seed of drawn training data.
        size: examples per batch.
        few: pad batches with masks to few lengths, each of which XLA compiles once.
        order: the seed of the order of training examples; None means ``seed``.

    Attributes:
        masked: whether the data have masks or resets; then inputs are ``(x, mask)``.
        resets: whether they have resets; then inputs are ``(x, mask, resets)``.
        per_epoch: the steps of one pass over the training data.
        tests: the names of the test sets, ``test`` first.
    """

    def __init__(
        self,
        task: Any,
        splits: Mapping[str, Any],
        seed: int,
        size: int,
        few: bool = False,
        order: int | None = None,
    ) -> None:
        self.order = seed if order is None else order
        self.task, self.splits, self.seed, self.size, self.few = task, splits, seed, size, few
        self.every = task.signature().emission == "every"
        self.tests = [name for name in splits if name not in ("train", "validation")]
        self.resets = any(split.resets is not None for split in splits.values())
        self.masked = self.resets or any(split.mask is not None for split in splits.values())
        train = splits.get("train")
        self.per_epoch = batches.steps_per_epoch(None if train is None else len(train.x), size)

    def step(self, step: int) -> tuple[Any, Any, Any]:
        """Return inputs, targets and weights of a training step, counted from 0."""
        train = self.splits.get("train")
        if train is None:
            fresh = self._fresh(step)
            return self._tensors(
                batches.taken(fresh, numpy.arange(self.size), self.size, self.every)
            )
        turn, place = divmod(step, self.per_epoch)
        order = batches.shuffled(self.order, turn, len(train.x))
        rows = order[place * self.size : (place + 1) * self.size]
        return self._tensors(batches.taken(train, rows, self.size, self.every))

    def step_size(self) -> tuple[float, float]:
        """Return the mean sequences of a training step, and valid steps of a sequence."""
        return batches.step_size(self.splits.get("train"), lambda: self._fresh(0), self.size)

    def split(self, name: str) -> Iterator[tuple[Any, Any, Any]]:
        """Yield the batches of a split in their order."""
        for step in batches.ordered(self.splits[name], self.size, self.every):
            yield self._tensors(step)

    def first(self, name: str, count: int) -> tuple[Any, Any, Any]:
        """Return the first examples of a split, so many as there are up to ``count``."""
        rows = numpy.arange(min(count, len(self.splits[name].x)))
        return self._tensors(batches.taken(self.splits[name], rows, len(rows), self.every))

    @functools.cached_property
    def spec(self) -> Any:
        """Shapes and types of a step; the length of sequences is left open."""

        def spec(array: Any, timed: bool) -> tf.TensorSpec:
            dims = [self.size, *array.shape[1:]]
            if timed:
                dims[1] = None
            return tf.TensorSpec(dims, array.dtype)

        inputs, y, weights = self.step(0)
        if self.masked:
            first: Any = tuple(spec(array, True) for array in inputs)
        else:
            first = spec(inputs, True)
        return first, spec(y, self.every), spec(weights, self.every)

    def _fresh(self, step: int) -> Any:
        random = seeds.generator(self.seed, "data", "train", step)
        return check_sample(self.task, random, self.size)

    def _tensors(self, step: batches.Step) -> tuple[Any, Any, Any]:
        step = batches.lengthened(step, self.every) if self.few else step
        inputs: Any = step.x
        if self.masked:
            mask = numpy.ones(step.x.shape[:2], bool) if step.mask is None else step.mask
            inputs = (step.x, mask)
        if self.resets:
            none = numpy.zeros(step.x.shape[:2], bool)
            inputs = (*inputs, none if step.resets is None else step.resets)
        return inputs, step.y, step.weights
