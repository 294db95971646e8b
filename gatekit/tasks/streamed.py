"""Tasks that draw their data: fresh for every training step, fixed for validation and tests."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, Self

import numpy

from gatekit.cell.errors import PluginError

from .seeds import generator
from .task import Batch, Task, recipe_hash


class StreamedTask(Task):
    """Base of tasks whose training data never repeat, with fixed validation and test sets.

    A subclass declares ``recipe``, in addition to what every task declares, and draws data in
    `sample`. Validation and test sets depend only on the options, not on the run's seed.

    Args:
        validation_size: sequences of the validation set.
        test_size: sequences of each test set.
        data_seed: seed of the validation and test sets.
    """

    validation_size: int = 1000
    test_size: int = 2000
    data_seed: int = 0
    lowest: ClassVar[dict[str, float]] = {"validation_size": 1, "test_size": 1, "data_seed": 0}
    recipe: ClassVar[str]
    """Name and version of the recipe, such as ``adding/1``; changed data need a new version."""

    def further_tests(self) -> Mapping[str, Self]:
        """Return the tasks that draw the further test sets, by the name of the split."""
        return {}

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return validation or test data; a subclass may score other steps than in training."""
        return self.sample(rng, size)

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        if not isinstance(getattr(self, "recipe", None), str):
            name = type(self).__name__
            raise PluginError(
                f"{name} declares no recipe, the name and version of its data, such as "
                f"'{name.lower()}/1'"
            )
        return recipe_hash(self.recipe, self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the fixed validation and test sets, each drawn from its own generator."""
        drawn = {"validation": self, "test": self, **self.further_tests()}
        return {
            name: task.judged(
                generator(self.data_seed, name),
                self.validation_size if name == "validation" else self.test_size,
            )
            for name, task in drawn.items()
        }


class SizedTask(StreamedTask):
    """Base of streamed tasks that can also be trained on a fixed number of sequences.

    A subclass draws data in `draw` instead of `sample`.

    Args:
        train_size: sequences of the training set, from which batches are drawn with replacement;
            0 for fresh sequences at every training step.
    """

    train_size: int = 0
    lowest = StreamedTask.lowest | {"train_size": 0}

    @abc.abstractmethod
    def draw(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences to train on.

        Args:
            rng: the generator to draw from.
            size: number of sequences.
        """

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return validation or test data, always fresh."""
        return self.draw(rng, size)

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences, or some of the training set if ``train_size`` is not 0."""
        if not self.train_size:
            return self.draw(rng, size)
        rows = rng.integers(0, self.train_size, size)
        data = self._training_set
        rest = (data.mask, data.weights, data.resets)
        return Batch(data.x[rows], data.y[rows], *(None if a is None else a[rows] for a in rest))

    @cached_property
    def _training_set(self) -> Batch:
        return self.draw(generator(self.data_seed, "train"), self.train_size)
