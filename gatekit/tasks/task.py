"""The base class of tasks: a task has data in splits, a signature, and a metric."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy

from gatekit.cell.calls import constructed
from gatekit.cell.declare import Declared, plain
from gatekit.cell.errors import DataError, PluginError, accepted, nearest_name, wrong_option
from gatekit.faults import Fault, Kind, OneOf, Place
from gatekit.runs.directions import Direction, known_direction
from gatekit.runs.names import canonical_json

from .fetch import PackageSource

MetricName = Literal["mse", "rmse", "accuracy", "nll", "bits", "perplexity", "most_active"]
Loss = Literal["mse", "categorical", "bits", "squared"]
Emission = Literal["last", "every"]


@constructed
@dataclass(frozen=True)
class Metric:
    """The one number by which runs of a task are compared.

    Args:
        name: ``mse`` (mean squared error over outputs), ``rmse`` (the root of the mean ``mse``),
            ``accuracy`` (share of right labels), ``nll`` (negative log-likelihood in nats, summed
            over outputs), ``bits`` (the same in bits), ``perplexity`` (the exponential of the mean
            ``nll``) or ``most_active`` (share of steps at which each output with a target of 1 is
            larger than all others); pooled over all steps that count.
        direction: ``min`` if smaller is better, ``max`` if larger is.
        unit: the unit of the value, for tables and axes.

    Raises:
        PluginError: the name or direction is unknown, or the direction contradicts the name.
    """

    name: MetricName
    direction: Direction
    unit: str

    def __post_init__(self) -> None:
        _one_of("name", self.name, get_args(MetricName))
        _one_of("direction", self.direction, get_args(Direction))
        if (direction := known_direction(self.name)) != self.direction:
            better = "larger" if direction == "max" else "smaller"
            raise PluginError(
                f"Metric: direction={self.direction!r}, but for {self.name} a {better} value is "
                "better"
            )


_UNITS = {
    "mse": "squared error",
    "rmse": "error",
    "accuracy": "share",
    "nll": "nats",
    "bits": "bits",
    "perplexity": "perplexity",
    "most_active": "share of steps",
}


def metric_written(meant: object = "mse") -> str:
    """Return how to declare a metric: ``write metric = Metric("mse", ...)``.

    Args:
        meant: the name of a metric, perhaps misspelt.
    """
    name = str(meant) if meant in _UNITS else nearest_name(str(meant), _UNITS) or "mse"
    direction = known_direction(name)
    return f'write metric = Metric("{name}", direction="{direction}", unit="{_UNITS[name]}")'


@constructed
@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a model for a task.

    Args:
        features: width of the input; None if the input is tokens.
        vocabulary: number of tokens; None if the input is numbers.
        outputs: width of the output: numbers, classes or bits.
        loss: ``mse``; ``categorical`` (softmax over outputs, integer labels); ``bits`` (binary
            cross-entropy, summed over outputs); ``squared`` (half the squared error of logistic
            outputs, summed over outputs).
        emission: ``last`` if a sequence has one target, ``every`` if each step has one.

    Raises:
        PluginError: a value is not allowed, or not exactly one of features and vocabulary is given.
    """

    features: int | None
    vocabulary: int | None
    outputs: int
    loss: Loss
    emission: Emission = "last"

    def __post_init__(self) -> None:
        _one_of("loss", self.loss, get_args(Loss))
        _one_of("emission", self.emission, get_args(Emission))
        if (self.features is None) == (self.vocabulary is None):
            raise PluginError(
                f"Signature: features={self.features} and vocabulary={self.vocabulary}; exactly "
                "one of them is expected"
            )
        for name in ("features", "vocabulary", "outputs"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise PluginError(f"Signature.{name}={value!r} should be a positive integer")


@constructed
@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences with their targets.

    Args:
        x: ``batch x time x features`` float32, or ``batch x time`` int32 if the input is tokens.
        y: ``batch x outputs`` float32, or ``batch`` int32 labels; with a target for every step
            ``batch x time x outputs`` or ``batch x time``.
        mask: ``batch x time`` bool, True where a step is valid; None if all are.
        weights: ``batch x time`` float32, how much a step counts in loss and metric; None if
            every valid step counts once. Only for tasks with a target for every step.
        resets: ``batch x time`` bool, True where a new sequence begins within a row: the cell
            returns to its initial states. None if each row is one sequence. Only for tasks with a
            target for every step; `gatekit.tasks.packed` creates them from documents.
    """

    x: numpy.ndarray
    y: numpy.ndarray
    mask: numpy.ndarray | None = None
    weights: numpy.ndarray | None = None
    resets: numpy.ndarray | None = None


_MOST = 2**31 - 1
"""The largest value of an integer option."""


class Task(Declared, abc.ABC):
    """Base of every task; annotated class fields are its options.

    A subclass declares ``metric`` and ``reference``; ``source`` if its data come from a package;
    ``lowest``, the smallest allowed values of options; and ``places``, the options that are paths
    to data. ``data_hash`` identifies the content of these files, so a path is not part of a run's
    fingerprint. A task with the option ``path`` describes in ``own_file`` the file that the user
    must provide. A task whose sequences are consecutive parts of one document sets ``contiguous =
    True``: in every split, the first step of a sequence follows the last step of the previous
    sequence. ``trainer.tbptt`` then reads each split as one document. Such a task has fixed data
    and a target for every step.

    Args:
        allow_nan: whether inputs may contain NaN and infinities at valid steps.

    Raises:
        PluginError: a subclass gives an option the name of an attribute of every task.
        ConfigError: an option is unknown, has the wrong type, is below its lowest value, or
            conflicts with another option.
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
                    why = f"every {base.__name__} has an attribute of this name"
                    raise PluginError(Fault(Kind.REFUSED, Place((cls.__name__, name)), why=why))

    def __init__(self, **options: Any) -> None:
        Declared.__init__(self, **options)
        for name in self.options():
            if isinstance(value := getattr(self, name), int) and value > _MOST:
                raise wrong_option(type(self).__name__, name, value, f"at most {_MOST:,}")
        for name, least in self.lowest.items():
            if (value := getattr(self, name)) < least:
                raise wrong_option(type(self).__name__, name, value, f"at least {least:g}")
        self.check_options()

    def check_options(self) -> None:
        """Refuse options that conflict with each other.

        Raises:
            ConfigError: options conflict; the message shows their values and what is allowed.
        """

    @abc.abstractmethod
    def signature(self) -> Signature:
        """Return the inputs and outputs of a model; needs no data."""

    @abc.abstractmethod
    def chance(self) -> float:
        """Return the metric of the best guess that ignores the input."""

    @abc.abstractmethod
    def data_hash(self) -> str:
        """Return 64 hex digits that change whenever the data change; loads no data."""

    @abc.abstractmethod
    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return ``train`` (unless `sample` draws it), ``validation`` and ``test``.

        Further test sets, such as one of longer sequences, are named ``test_NAME``; the metric and
        its chance apply to all of them.

        Args:
            rng: the run's generator for data; a task with fixed splits ignores it.

        Raises:
            DataError: the data are missing or damaged.
        """

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh training data; only tasks without a fixed training set implement this.

        Args:
            rng: the generator to draw from.
            size: number of sequences.

        Raises:
            DataError: the task has a fixed training set.
        """
        raise DataError(f"{type(self).__name__} has a fixed training set: splits(rng)['train'].")

    def require(self) -> None:
        """Check that the data are available, without loading them.

        Raises:
            DataError: the data are missing; the message has the command to type.
        """

    @property
    def streamed(self) -> bool:
        """Whether training data are drawn by `sample`."""
        return type(self).sample is not Task.sample

    def exports(self) -> dict[str, Any]:
        """Return all options with their values; configurations read them as ``${task.NAME}``."""
        return {name: plain(getattr(self, name)) for name in self._option_types}


def check_contiguous(task: Task) -> None:
    """Refuse a task with ``contiguous = True`` whose sequences cannot form one document.

    Raises:
        PluginError: the task draws its data, or has one target for a sequence.
    """
    if task.contiguous and (task.streamed or task.signature().emission != "every"):
        came = "draws its data" if task.streamed else "has one target for a whole sequence"
        raise PluginError(
            f"{type(task).__name__}: contiguous = True means that the sequences are consecutive "
            f"parts of one document with a target for every step, but this task {came}"
        )


def recipe_hash(recipe: str, facts: Mapping[str, Any]) -> str:
    """Return the hash of a data set that is defined by a recipe.

    Args:
        recipe: name and version of the recipe, such as ``adding/1``; increase the version when its
            data change.
        facts: options and hashes of files that also determine the data, as plain data.

    Returns:
        64 hex digits.
    """
    return hashlib.sha256(canonical_json([recipe, plain(facts)]).encode()).hexdigest()


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    accepted(value, OneOf(allowed), Place((what,)), error=PluginError)
