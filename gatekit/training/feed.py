"""The tensors of each training step of a task; they depend only on the seed and the step."""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import tensorflow as tf

from gatekit.cell.errors import DataError
from gatekit.tasks import seeds
from gatekit.tasks.task import Batch, Task
from gatekit.tasks.validate import check_sample, check_splits

from . import batches

Inputs = numpy.ndarray | tuple[numpy.ndarray, ...]
Fed = tuple[Inputs, numpy.ndarray, numpy.ndarray]
"""Inputs, targets and weights of a step; see `Feed.masked` for the inputs."""

_ROWS, _STEPS, _NUMBERS = 256, 2**15, 2**20
"""Sequences, steps and outputs that are scored together at most, where a training step has fewer
sequences."""


@dataclasses.dataclass(frozen=True)
class Drawing:
    """The settings of a run that decide its batches.

    Attributes:
        data: the seed of the data.
        order: the seed of the order of training examples.
        batch: sequences per batch.
        tbptt: steps per window; None for whole sequences.
        accumulate: batches per training step.
    """

    data: int
    order: int
    batch: int
    tbptt: int | None
    accumulate: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Drawing:
        """Return the settings of a configuration, which may come from someone else.

        Raises:
            LookupError: a setting is missing.
            TypeError: a setting has another type.
            ValueError: a setting is no size.
        """
        trainer = config["trainer"]
        sizes = (trainer["batch"], trainer.get("tbptt"), trainer.get("accumulate", 1))
        batch, tbptt, accumulate = (size and operator.index(size) for size in sizes)
        if batch < 1 or accumulate < 1 or (tbptt is not None and tbptt < 1):
            raise ValueError("trainer.batch, trainer.tbptt and trainer.accumulate are at least 1")
        data, order = seeds.part(config, "data"), seeds.part(config, "order")
        return cls(data, order, batch, tbptt, accumulate)

    def splits(self, task: Task) -> dict[str, Batch]:
        """Return the checked splits of a task."""
        return check_splits(task, seeds.generator(self.data, "data"))

    def feed(self, task: Task, splits: Mapping[str, Batch] | None = None) -> Feed:
        """Return the batches of a task, of its splits unless some are given."""
        splits = self.splits(task) if splits is None else splits
        return Feed(
            task,
            splits,
            self.data,
            self.batch,
            order=self.order,
            tbptt=self.tbptt,
            accumulate=self.accumulate,
        )


class Feed:
    """The batches of one run.

    Args:
        task: the task; it draws fresh data if there is no split ``train``.
        splits: the checked splits.
        seed: the seed of drawn training data.
        size: examples per batch; see ``accumulate``.
        few: whether to pad masked batches to few lengths, because XLA compiles each length once.
        order: the seed of the order of training examples; None means ``seed``.
        tbptt: steps per window; None for whole sequences.
        accumulate: batches whose gradients are summed for one update; a training step has them all.

    Attributes:
        windows: the order of the windows; None for whole sequences.
        masked: whether batches have masks. The inputs are x alone, or a tuple of x, the mask and
            the resets (if there are any), and the beginnings of streams (if there are windows).
        resets: whether the data have resets; then batches have masks, too.
        sparse: whether at most half of the steps have a label. Then the inputs end with the places
            of the labelled steps, and targets and weights are those of these places.
        size: examples per training step, which has ``accumulate`` batches.
        scored: examples per batch of validation and test data: ``size`` or a multiple of it, as
            each batch has a cost of its own.
        per_epoch: the training steps of an epoch.
        tests: the names of the test sets, ``test`` first.
    """

    def __init__(
        self,
        task: Task,
        splits: Mapping[str, Batch],
        seed: int,
        size: int,
        few: bool = False,
        order: int | None = None,
        tbptt: int | None = None,
        accumulate: int = 1,
    ) -> None:
        self.order = seed if order is None else order
        self.task, self.splits, self.seed, self.few = task, splits, seed, few
        self.size, self.accumulate = size * accumulate, accumulate
        self.every = task.signature().emission == "every"
        self.tests = [name for name in splits if name not in ("train", "validation")]
        self.windows = None if tbptt is None else batches.WindowOrder(task, size, tbptt)
        self.resets = any(split.resets is not None for split in splits.values())
        self.masked = self.resets or any(self._needs_mask(split) for split in splits.values())
        self.per_epoch, self.per_batch = self._steps(splits.get("train"))
        self.sparse = self._few_labels(splits.get("validation"))
        self.scored = size if self.windows else size * self._together(size)

    def of_seed(self, seed: int) -> Feed:
        """Return the feed with the same splits, in the order and with the drawn data of a seed."""
        other = copy.copy(self)
        other.seed = other.order = seed
        return other

    def step(self, step: int) -> Fed:
        """Return inputs, targets and weights of a training step, counted from 0.

        They depend only on the seed and the step, also with windows.
        """
        data = self.splits.get("train")
        turn, place = divmod(step, self.per_epoch)
        number, window = divmod(step if data is None else place, self.per_batch)
        rows = numpy.arange(self.size)
        if data is None:
            data = self._fresh(number)
        elif self.windows is None or not self.windows.contiguous:
            rows = self._shuffled(turn, len(data.x))[number * self.size : (number + 1) * self.size]
        if self.windows is not None:
            return self._tensors(self.windows.training(data, rows, window, self.per_batch))
        return self._tensors(batches.taken(data, rows, self.size, self.every))

    def step_size(self) -> tuple[float, float]:
        """Return a training step's mean number of sequences, and of valid steps in each of them."""
        train = self.splits.get("train")
        rows, valid = batches.step_size(train, lambda: self._fresh(0), self.size)
        if self.windows is not None and self.windows.contiguous and train is not None:
            rows, valid = float(self.size), valid * len(train.x) / self.size
        return rows, valid / self.per_batch

    def split(self, name: str) -> Iterator[Fed]:
        """Return the batches of a split in order."""
        return map(self._tensors, self.steps(name))

    def steps(self, name: str) -> Iterator[batches.StepData]:
        """Return the batches of a split in order, each with all its steps by name."""
        if self.windows is not None:
            return self.windows.evaluation(self.splits[name])
        return batches.ordered(self.splits[name], self.scored, self.every)

    def first(self, name: str, count: int) -> Fed:
        """Return the first examples of a split, at most ``count``, as whole sequences."""
        rows = numpy.arange(min(count, len(self.splits[name].x)))
        step = batches.taken(self.splits[name], rows, len(rows), self.every)
        begins = None if self.windows is None else numpy.ones(len(rows), bool)
        return self._tensors(dataclasses.replace(step, begins=begins))

    def length_for(self, pool: str) -> int | None:
        """Return the length of all sequences if the head has weights for each step, else None.

        Args:
            pool: one of ``schema.POOLS``; the head has weights for each step if it is ``all``.

        Raises:
            DataError: the head has weights for each step, but sequences have masks or several
                lengths.
        """
        if pool != "all":
            return None
        why = "and pool=all needs separate weights for each step"
        if self.masked:
            raise DataError(f"some sequences have masks, {why}")
        lengths = {name: split.x.shape[1] for name, split in self.splits.items()}
        lengths.setdefault("train", x_of(self.step(0)[0]).shape[1])
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} {steps}" for name, steps in lengths.items())
            raise DataError(f"sequences have several lengths ({shown}), {why}")
        return int(lengths["train"])

    @functools.cached_property
    def spec(self) -> tuple[object, tf.TensorSpec, tf.TensorSpec]:
        """Shapes and types of a training step; the length of sequences is unspecified."""
        return self._spec(self.size)

    @functools.cached_property
    def score_spec(self) -> tuple[object, tf.TensorSpec, tf.TensorSpec]:
        """Shapes and types of a batch of validation and test data."""
        return self._spec(self.scored)

    def _spec(self, size: int) -> tuple[object, tf.TensorSpec, tf.TensorSpec]:
        def spec(array: numpy.ndarray, timed: bool) -> tf.TensorSpec:
            dims = [size, *array.shape[1:]]
            if timed:
                dims[1] = None
            return tf.TensorSpec(dims, array.dtype)

        inputs, y, weights = self.step(0)
        if isinstance(inputs, tuple):
            first: object = tuple(spec(array, array.ndim > 1) for array in inputs)
        else:
            first = spec(inputs, True)
        return first, spec(y, self.every), spec(weights, self.every)

    @functools.lru_cache(maxsize=1)  # noqa: B019  (all windows of a batch need it)
    def _fresh(self, number: int) -> Batch:
        random = seeds.generator(self.seed, "data", "train", number)
        return check_sample(self.task, random, self.size)

    @functools.lru_cache(maxsize=1)  # noqa: B019  (all steps of an epoch need it)
    def _shuffled(self, epoch: int, count: int) -> numpy.ndarray:
        return batches.shuffled(self.order, epoch, count)

    def _needs_mask(self, split: Batch) -> bool:
        return split.mask is not None or bool(self.windows and self.windows.masked(split))

    def _together(self, size: int) -> int:
        """Return how many batches of a training step are scored together: a power of two.

        Seeds whose longest sequences differ a little then still share a program.
        """
        scored = [self.splits[name] for name in ("validation", *self.tests) if name in self.splits]
        longest = max((split.x.shape[1] for split in scored), default=1)
        outputs = self.task.signature().outputs
        most = max((len(split.x) for split in scored), default=1)
        rows = min(_ROWS, _STEPS // longest, _NUMBERS // (longest * outputs), most)
        return 1 << max(rows // size, 1).bit_length() - 1

    def _few_labels(self, split: Batch | None) -> bool:
        if not self.every or self.windows is not None or split is None or split.weights is None:
            return False
        return float(numpy.mean(split.weights > 0)) <= 0.5

    def _steps(self, train: Batch | None) -> tuple[int, int]:
        """Return the training steps per epoch and per batch; a batch has one for each window."""
        count = None if train is None else len(train.x)
        steps = batches.steps_per_epoch(count, self.size)
        if self.windows is None:
            return steps, 1
        data = self._fresh(0) if train is None else train
        self.masked = self.masked or self._needs_mask(data)
        windows = self.windows.per_batch(data)
        return windows if self.windows.contiguous else steps * windows, windows

    def _tensors(self, step: batches.StepData) -> Fed:
        if self.few and self.windows is None:
            step = batches.lengthened(step, self.every)
        places = None
        if self.sparse:
            step, places = batches.labelled(step, self.few)
        inputs = [step.x]
        if self.masked:
            mask = numpy.ones(step.x.shape[:2], bool) if step.mask is None else step.mask
            inputs.append(mask)
        if self.resets:
            none = numpy.zeros(step.x.shape[:2], bool)
            inputs.append(none if step.resets is None else step.resets)
        if step.begins is not None:
            inputs.append(step.begins)
        if places is not None:
            inputs.append(places)
        return inputs[0] if len(inputs) == 1 else tuple(inputs), step.y, step.weights


def x_of(inputs: Inputs) -> numpy.ndarray:
    """Return x from the inputs of a batch."""
    return inputs[0] if isinstance(inputs, tuple) else inputs


def called(inputs: object) -> object:
    """Return the inputs of a batch as a functional Keras model takes them."""
    return list(inputs) if isinstance(inputs, tuple) else inputs
