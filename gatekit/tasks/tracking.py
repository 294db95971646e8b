"""Tasks that track a state, which every symbol changes; further tests have longer sequences."""

from __future__ import annotations

import abc
import copy
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy

from gatekit.cell.errors import ConfigError, wrong_option

from .streamed import StreamedTask
from .task import Batch, Metric, Signature

MOST_STATES = 10_000
"""The most states of an automaton, whose chance is computed from every pair of them."""


class LengthsTask(StreamedTask):
    """Base of tasks with sequences of several lengths and further tests on longer sequences.

    Args:
        length: symbols of the longest training sequences.
        shortest: symbols of the shortest training sequences.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.
    """

    length: int = 40
    shortest: int = 1
    test_lengths: Sequence[int] = (100, 256)
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 1, "shortest": 1}

    def check_options(self) -> None:
        """Refuse lengths that no sequence can have, and test lengths that occur twice."""
        name = type(self).__name__
        if self.shortest > self.length:
            expected = f"at most length={self.length}"
            raise wrong_option(name, "shortest", self.shortest, expected)
        least = self.lowest["shortest"]
        given = list(self.test_lengths)
        if any(type(n) is not int or n < least for n in given) or len(set(given)) < len(given):
            raise ConfigError(
                f"{name}: option test_lengths={given} should be distinct integers, at "
                f"least {least:g}, such as [100, 256]."
            )

    def further_tests(self) -> dict[str, Self]:
        """Return the task of each further test set, by name; its sequences have one length."""
        return {
            f"test_{n}": self.replaced(length=n, shortest=n, test_lengths=())
            for n in self.test_lengths
        }


class TrackingTask(LengthsTask):
    """Base of tasks whose answer after each symbol is a function of all symbols so far.

    Lengths are uniform from ``shortest`` to ``length``; each further test set has one longer
    length. In validation and test sets only the answer after the last symbol counts.

    Args:
        length: symbols of the longest training sequences.
        shortest: symbols of the shortest training sequences.
        labels: whether training has a target after ``every`` symbol, from which a model learns much
            faster, or only after the ``last`` symbol.
        test_lengths: the lengths of the further test sets ``test_LENGTH``.
    """

    labels: Literal["every", "last"] = "every"
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    embedded: ClassVar[bool] = False
    """Whether symbols are tokens for a learned embedding; otherwise they are one-hot."""

    @property
    @abc.abstractmethod
    def symbols(self) -> int:
        """The number of symbols."""

    @property
    @abc.abstractmethod
    def answers(self) -> int:
        """The number of answers."""

    @abc.abstractmethod
    def walk(
        self, rng: numpy.random.Generator, size: int, length: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return random symbols and the answer after each, integers ``size x length``.

        Args:
            rng: the generator to draw from.
            size: number of sequences.
            length: symbols of each.
        """

    def signature(self) -> Signature:
        """Return the signature: symbols in, and an answer after each."""
        return Signature(
            features=None if self.embedded else self.symbols,
            vocabulary=self.symbols if self.embedded else None,
            outputs=self.answers,
            loss="categorical",
            emission="every",
        )

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences, padded, with a mask.

        y is ``size x length``; x is, too, or ``size x length x symbols`` if symbols are one-hot.
        """
        return self._drawn(rng, size, self.labels)

    def judged(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return sequences in which only the last answer counts."""
        return self._drawn(rng, size, "last")

    def _drawn(self, rng: numpy.random.Generator, size: int, labels: str) -> Batch:
        symbols, answers = self.walk(rng, size, self.length)
        lengths = rng.integers(self.shortest, self.length + 1, (size, 1))
        step = numpy.arange(self.length)
        mask = step < lengths
        counted = mask if labels == "every" else step == lengths - 1
        x = (symbols * mask).astype("int32")
        if not self.embedded:
            x = numpy.eye(self.symbols, dtype="float32")[x] * mask[:, :, None]
        return Batch(x, (answers * mask).astype("int32"), mask, counted.astype("float32"))


class AutomatonTask(TrackingTask):
    """Base of tracking tasks with finitely many states; a sequence starts in state 0."""

    def check_options(self) -> None:
        """Refuse an option that makes more than `MOST_STATES` states."""
        super().check_options()
        for name in self.option_names():
            fine, value = getattr(type(self), name), getattr(self, name)
            if hasattr(TrackingTask, name) or type(value) is not int or type(fine) is not int:
                continue
            # From the default up, so that no answer of a huge table is computed.
            while fine < value and self._states(name, min(2 * fine, value)) <= MOST_STATES:
                fine = min(2 * fine, value)
            above = min(2 * fine, value)
            while above - fine > 1:
                middle = (fine + above) // 2
                allowed = self._states(name, middle) <= MOST_STATES
                fine, above = (middle, above) if allowed else (fine, middle)
            if fine < value:
                raise wrong_option(type(self).__name__, name, value, f"at most {fine:,}")

    def _states(self, option: str, value: int) -> int:
        """Return the number of states with another value of an option."""
        other = copy.copy(self)
        object.__setattr__(other, option, value)  # options cannot be assigned
        return len(other.answer())

    @abc.abstractmethod
    def table(self) -> numpy.ndarray:
        """Return the next state, integers ``states x symbols``."""

    @abc.abstractmethod
    def answer(self) -> numpy.ndarray:
        """Return the answer in each state, integers ``states``."""

    def odds(self) -> numpy.ndarray:
        """Return the probability of each symbol in each state, ``states x symbols``.

        Symbols are equally likely unless a subclass overrides this; impossible symbols have 0."""
        table = self.table()
        return numpy.full(table.shape, 1 / table.shape[1])

    @cached_property
    def tables(self) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """The results of `table`, `answer` and `odds`, computed once."""
        return self.table(), self.answer(), self.odds()

    @property
    def symbols(self) -> int:
        """The number of symbols."""
        return int(self.tables[0].shape[1])

    @property
    def answers(self) -> int:
        """The number of answers."""
        return int(self.tables[1].max()) + 1

    def chance(self) -> float:
        """Return the share of the most frequent answer, exactly, over all lengths of training."""
        table, answer, odds = self.tables
        moves = numpy.zeros((len(table), len(table)))
        for symbol in range(table.shape[1]):
            numpy.add.at(moves, (numpy.arange(len(table)), table[:, symbol]), odds[:, symbol])
        share, states = numpy.zeros(self.answers), numpy.eye(len(table))[0]
        for step in range(1, self.length + 1):
            states = states @ moves
            if step >= self.shortest:
                numpy.add.at(share, answer, states)
        return float(share.max() / share.sum())

    def walk(
        self, rng: numpy.random.Generator, size: int, length: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return random symbols and the answer after each, integers ``size x length``."""
        table, answer, odds = self.tables
        bounds = numpy.cumsum(odds, axis=1)
        bounds[:, -1] = 1
        drawn = rng.random((length, size, 1))
        symbols = numpy.empty((length, size), int)
        answers = numpy.empty((length, size), int)
        state = numpy.zeros(size, int)
        for step in range(length):
            symbols[step] = (bounds[state] <= drawn[step]).sum(axis=1)
            state = table[state, symbols[step]]
            answers[step] = answer[state]
        return symbols.T, answers.T
