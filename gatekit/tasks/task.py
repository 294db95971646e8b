"""What a task is: data by split, what a model takes in and gives out, the metric and its chance."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy

from gatekit.cell.calls import constructed
from gatekit.cell.declare import Declared, plain
from gatekit.cell.errors import DataError, OptionError, PluginError, listed, nearest, nearest_name
from gatekit.runs.directions import Direction, known_direction
from gatekit.runs.names import canonical_json

from .fetch import PackageSource

MetricName = Literal["mse", "accuracy", "nll", "bits"]
Loss = Literal["mse", "categorical", "bits"]
Emission = Literal["last", "every"]


@constructed("gatekit.Metric('mse', direction='min', unit='squared error')")
@dataclass(frozen=True)
class Metric:
    """The one number by which runs of a task are compared.

    Args:
        name: ``mse`` (mean squared error over outputs), ``accuracy`` (share of right labels),
            ``nll`` (negative log-likelihood in nats, summed over outputs) or ``bits`` (the same in
            bits); pooled over all steps that count.
        direction: ``min`` where smaller is better, ``max`` where larger is.
        unit: the unit of the value, for tables and axes.

    Raises:
        PluginError: the name or direction is none of these, or the direction contradicts the name.
    """

    name: MetricName
    direction: Direction
    unit: str

    def __post_init__(self) -> None:
        _one_of("Metric.name", self.name, get_args(MetricName))
        _one_of("Metric.direction", self.direction, get_args(Direction))
        if (direction := known_direction(self.name)) != self.direction:
            better = "larger" if direction == "max" else "smaller"
            raise PluginError(
                f"Metric: direction={self.direction!r}, but of {self.name} a {better} value is "
                f"better; write direction={direction!r}"
            )


_UNITS = {"mse": "squared error", "accuracy": "share", "nll": "nats", "bits": "bits"}


def metric_written(meant: object = "mse") -> str:
    """Return how a metric is declared: ``metric = Metric("mse", ...)``.

    Args:
        meant: the name of a metric, or one that is near.
    """
    name = str(meant) if meant in _UNITS else nearest_name(str(meant), _UNITS) or "mse"
    direction = known_direction(name)
    return f'write metric = Metric("{name}", direction="{direction}", unit="{_UNITS[name]}")'


@constructed("gatekit.Signature(features=1, vocabulary=None, outputs=1, loss='mse')")
@dataclass(frozen=True)
class Signature:
    """What a model for a task takes in and gives out.

    Args:
        features: width of the input; None where the input is tokens.
        vocabulary: number of tokens; None where the input is numbers.
        outputs: width of the output: numbers, classes or bits.
        loss: ``mse``; ``categorical`` (softmax over outputs, integer labels); ``bits`` (binary
            cross-entropy, summed over outputs).
        emission: ``last`` where one target belongs to a sequence, ``every`` where one belongs to
            each step.

    Raises:
        PluginError: a value is not allowed, or not exactly one of features and vocabulary is given.
    """

    features: int | None
    vocabulary: int | None
    outputs: int
    loss: Loss
    emission: Emission = "last"

    def __post_init__(self) -> None:
        _one_of("Signature.loss", self.loss, get_args(Loss))
        _one_of("Signature.emission", self.emission, get_args(Emission))
        if (self.features is None) == (self.vocabulary is None):
            raise PluginError(
                f"Signature: features={self.features} and vocabulary={self.vocabulary}; give "
                "exactly one of them and None for the other."
            )
        for name in ("features", "vocabulary", "outputs"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise PluginError(
                    f"Signature.{name}={value!r} should be an integer from 1; write {name}=1."
                )


@constructed("gatekit.Batch(x, y)")
@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences with their targets.

    Args:
        x: ``batch x time x features`` float32, or ``batch x time`` int32 where the input is tokens.
        y: ``batch x outputs`` float32, or ``batch`` int32 labels; with a target for every step
            ``batch x time x outputs`` or ``batch x time``.
        mask: ``batch x time`` bool, True where a step is valid; None where all are.
        weights: ``batch x time`` float32, how much a step counts in loss and metric; None where
            every valid step counts once. Only for tasks with a target for every step.
        resets: ``batch x time`` bool, True where a new sequence begins within a row, so that the
            cell returns to its initial states; None where a row is one sequence. Only for tasks
            with a target for every step; `gatekit.tasks.packed` makes them of documents.
    """

    x: numpy.ndarray
    y: numpy.ndarray
    mask: numpy.ndarray | None = None
    weights: numpy.ndarray | None = None
    resets: numpy.ndarray | None = None


_MOST = 2**31 - 1
"""The largest integer of an option."""


class Task(Declared, abc.ABC):
    """Base of every task; annotated class fields are its options.

    A subclass states ``metric`` and ``reference``; ``source`` if its data come out of a package;
    in ``lowest`` the smallest allowed value of options; and in ``places`` the options with paths of
    data: ``data_hash`` identifies their content, so a path is not part of a run's fingerprint. A
    task with the option ``path`` describes in ``own_file`` what the user must provide. A task whose
    sequences are consecutive parts of one document sets ``contiguous = True``: the first step of a
    sequence follows the last one of the sequence before it, in every split. Then ``trainer.tbptt``
    reads each split as one document. Such a task has fixed data, and a target for every step.

    Args:
        allow_nan: whether inputs may hold NaN and infinities where a step is valid.

    Raises:
        PluginError: a subclass calls an option like a part of every task.
        ConfigError: an option is unknown, has the wrong type, is below its lowest value, or does
            not go with another one.
    """

    allow_nan: bool = False
    metric: ClassVar[Metric]
    reference: ClassVar[str] = ""
    source: ClassVar[PackageSource | None] = None
    lowest: ClassVar[Mapping[str, float]] = {}
    places: ClassVar[tuple[str, ...]] = ()
    own_file: ClassVar[str] = ""
    contiguous: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__mro__[1:]:
            own = getattr(base, "_option_types", {})
            for name in cls._option_types:
                if hasattr(base, name) and name not in own:
                    raise PluginError(
                        f"{cls.__name__}: an option cannot be called {name}, which is something "
                        f"else in every {base.__name__}; choose another name."
                    )

    def __init__(self, **options: Any) -> None:
        Declared.__init__(self, **options)
        for name in self.options():
            if isinstance(value := getattr(self, name), int) and value > _MOST:
                expected, example = f"at most {_MOST:,}", getattr(type(self), name, 10)
                raise OptionError(type(self).__name__, name, value, expected, example)
        for name, least in self.lowest.items():
            if (value := getattr(self, name)) < least:
                example = max(least, getattr(type(self), name, least))
                expected = f"at least {least:g}"
                raise OptionError(type(self).__name__, name, value, expected, example)
        self.check_options()

    def check_options(self) -> None:
        """Refuse options that do not go together.

        Raises:
            ConfigError: they do not; the message shows the values and what is allowed.
        """

    @abc.abstractmethod
    def signature(self) -> Signature:
        """Return what a model takes in and gives out; needs no data."""

    @abc.abstractmethod
    def chance(self) -> float:
        """Return the metric of the best guess that ignores the input."""

    @abc.abstractmethod
    def data_hash(self) -> str:
        """Return 64 hex digits that change whenever the numbers would; loads no data."""

    @abc.abstractmethod
    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return ``train`` (absent where `sample` draws it), ``validation`` and ``test``.

        Further test sets, such as one of longer sequences, are called ``test_NAME``; the metric
        and its chance are the same on all of them.

        Args:
            rng: the run's generator for data; a task whose splits are fixed ignores it.

        Raises:
            DataError: the data are missing or damaged.
        """

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh training data; only tasks that draw them without end have this.

        Args:
            rng: the generator to draw from.
            size: number of sequences.

        Raises:
            DataError: the task has a fixed training set.
        """
        raise DataError(f"{type(self).__name__} has a fixed training set: splits(rng)['train'].")

    def require(self) -> None:
        """Check, without loading them, that the data are there.

        Raises:
            DataError: they are not; the message holds the command to type.
        """

    @property
    def streamed(self) -> bool:
        """Whether training data are drawn by `sample`."""
        return type(self).sample is not Task.sample

    def exports(self) -> dict[str, Any]:
        """Return all options with their values, which a configuration reads as ``${task.NAME}``."""
        return {name: plain(getattr(self, name)) for name in self._option_types}


def check_contiguous(task: Task) -> None:
    """Refuse a task that declares that its sequences follow one another, if they cannot.

    Raises:
        PluginError: it draws its data, or has one target for a sequence.
    """
    if task.contiguous and (task.streamed or task.signature().emission != "every"):
        came = "draws its data" if task.streamed else "has one target for a whole sequence"
        raise PluginError(
            f"{type(task).__name__}: contiguous = True means that the sequences are consecutive "
            f"parts of one document with a target for every step, and this task {came}. Remove "
            "contiguous = True."
        )


def recipe_hash(recipe: str, facts: Mapping[str, Any]) -> str:
    """Return the hash of a data set that is defined by a recipe.

    Args:
        recipe: name and version of the recipe, such as ``adding/1``; raise the version when its
            numbers change.
        facts: what else decides the numbers, as plain data: options, hashes of files.

    Returns:
        64 hex digits.
    """
    return hashlib.sha256(canonical_json([recipe, plain(facts)]).encode()).hexdigest()


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise PluginError(
            f"{what}={value!r} is not known{nearest(str(value), allowed) or '.'} "
            f"Allowed: {listed(allowed)}."
        )
