"""A search over some keys, with the same number of draws for every variant.

A key is drawn from a `SearchInterval` or a `SearchChoice`; a `Search` turns the draws into jobs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy
from omegaconf import DictConfig, OmegaConf

from gatekit.cell.errors import ConfigError
from gatekit.tasks import seeds

MAX_JOBS = 5_000
"""The most configurations that one command composes; a larger sweep takes several commands."""

MAX_RUNS = 20_000
"""The most runs of one command: its configurations, each with its seeds."""

DIGITS = 6
"""Significant digits of a drawn number; typing the number again yields the same run."""

Job = tuple[tuple[str, ...], DictConfig]


class Draw(Protocol):
    """How the values of one searched key are drawn."""

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as you would type it."""
        ...


@dataclass(frozen=True)
class SearchInterval:
    r"""A random number between two others.

    With $u$ uniform in [0, 1), it is $a e^{u\log(b/a)}$ with ``log`` and $a + u(b-a)$ without; for
    an integer, $b$ is the largest value plus 1, and the result is rounded down.

    Args:
        low: the smallest value.
        high: the largest one.
        log: whether the logarithm of the number is uniform, instead of the number.
        whole: whether the number is an integer.

    Raises:
        ConfigError: the interval is empty or infinite, or its logarithm is not defined.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.high - self.low):
            raise ConfigError(
                f"interval({self.low:g},{self.high:g}): both numbers must be finite, and so must "
                "their difference; type for example interval(0.1,1)."
            )
        if not self.low < self.high:
            raise ConfigError(
                f"interval({self.low:g},{self.high:g}): the first number must be the smaller one; "
                f"type interval({self.high:g},{self.low:g})."
            )
        if self.log and self.low <= 0:
            raise ConfigError(
                f"tag(log, interval({self.low:g},{self.high:g})): logarithms need numbers above 0, "
                "and the numbers are the ends, not exponents; type tag(log,interval(1e-4,1e-1))."
            )

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as you would type it."""
        u = float(random.random())
        low, high = self.low, self.high + (1 if self.whole else 0)
        value = low * (high / low) ** u if self.log else low + u * (high - low)
        return self.text(value)

    def text(self, value: float) -> str:
        """Return a value of the interval as you would type it."""
        if self.whole:
            return str(min(math.floor(value), int(self.high)))
        return repr(float(f"{value:.{DIGITS}g}"))


@dataclass(frozen=True)
class SearchChoice:
    """One value of a list, each with the same probability.

    Args:
        values: the values as you would type them.
    """

    values: tuple[str, ...]

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as you would type it."""
        return self.values[int(random.integers(len(self.values)))]


def recorded(draw: Draw) -> str:
    """Return a draw as written in journals; this must never change, because it names variants.

    The classes were called Interval and Choice when the first journals were written.
    """
    return repr(draw).removeprefix("Search")


@dataclass
class Search:
    """The searched keys, and the number of draws for each variant.

    Attributes:
        variants: overrides of every variant.
        space: the draw of each searched key.
        trials: draws per variant.
        seed: determines the draws.
        compose: composes a job from its overrides.
        parse: returns the value of a string typed on the command line.
        groups: searched keys that choose a file, so that each draw must be composed.
        options: options of a search that learns from results; None if draws are random.
    """

    variants: Sequence[tuple[str, ...]]
    space: Mapping[str, Draw]
    trials: int
    seed: int
    compose: Callable[[Sequence[str]], DictConfig]
    parse: Callable[[str, str], Any]
    groups: frozenset[str]
    options: Mapping[str, Any] | None = None
    bases: dict[int, DictConfig] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        """Return every job; all variants of one draw are adjacent, so a sweep that is stopped
        early has about the same number of draws for each variant."""
        refuse_many(self.trials * len(self.variants))
        drawn = [self.drawn(trial) for trial in range(self.trials)]
        return [self.job(v, values) for values in drawn for v in range(len(self.variants))]

    def drawn(self, trial: int) -> dict[str, str]:
        """Return the values of a trial; each depends only on the seed, the trial and the key."""
        return {
            key: draw.draw(seeds.generator(self.seed, "search", trial, key))
            for key, draw in self.space.items()
        }

    def job(self, variant: int, values: Mapping[str, str]) -> Job:
        """Return the job of a variant with searched values."""
        overrides = (*self.variants[variant], *(f"++{k}={v}" for k, v in values.items()))
        if self.groups & values.keys():
            typed = [f"{'' if k in self.groups else '++'}{k}={v}" for k, v in values.items()]
            return overrides, self.compose([*self.variants[variant], *typed])
        config = copy.deepcopy(self.base(variant))
        for key, text in values.items():
            OmegaConf.update(config, key, self.parse(key, text), force_add=True)
        return overrides, config

    def base(self, variant: int) -> DictConfig:
        """Return a variant's configuration without searched values."""
        if variant not in self.bases:
            self.bases[variant] = self.compose(self.variants[variant])
        return self.bases[variant]


def refuse_runs(configurations: int, runs: int) -> None:
    """Refuse a command with more than `MAX_RUNS` runs, before any of them is built.

    Args:
        configurations: how many configurations it has.
        runs: how many runs these have with all their seeds.

    Raises:
        ConfigError: there are more.
    """
    if runs > MAX_RUNS:
        raise ConfigError(
            f"this command has {runs:,} runs ({configurations:,} configurations with their seeds); "
            f"at most {MAX_RUNS:,} are allowed. Type a smaller seeds=N, or sweep over fewer values."
        )


def refuse_many(jobs: int) -> None:
    """Refuse a sweep of more than `MAX_JOBS` configurations.

    Raises:
        ConfigError: the sweep has more.
    """
    if jobs > MAX_JOBS:
        raise ConfigError(
            f"this sweep has {jobs:,} configurations; one command composes at most {MAX_JOBS:,}. "
            "Sweep over fewer values; seeds=N does not count here."
        )
