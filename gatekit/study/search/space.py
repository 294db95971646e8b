"""What is searched: an interval, even or logarithmic, or a choice among listed values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy

from gatekit.cell.errors import ConfigError

DIGITS = 6
"""Significant digits of a drawn number: what is typed again is the same run."""


class Draw(Protocol):
    """One searched key."""

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as it is typed."""
        ...


@dataclass(frozen=True)
class Interval:
    r"""A number between two others, $a e^{u\log(b/a)}$ with ``log`` and $a + u(b-a)$ without.

    Args:
        low: the smallest value.
        high: the largest one.
        log: whether its logarithm is even, rather than itself.
        whole: whether it is an integer.

    Raises:
        ConfigError: the interval is empty, or its logarithm is not defined.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or not math.isfinite(self.high - self.low):
            raise ConfigError(
                f"interval({self.low:g},{self.high:g}): the first number must be the smaller one; "
                f"type interval({self.high:g},{self.low:g})."
            )
        if self.log and self.low <= 0:
            raise ConfigError(
                f"tag(log, interval({self.low:g},{self.high:g})): logarithms need numbers above 0."
            )

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as it is typed."""
        u = float(random.random())
        low, high = self.low, self.high + (1 if self.whole else 0)
        value = low * (high / low) ** u if self.log else low + u * (high - low)
        return self.text(value)

    def text(self, value: float) -> str:
        """Return a value of the interval as it is typed."""
        if self.whole:
            return str(min(int(value), int(self.high)))
        return repr(float(f"{value:.{DIGITS}g}"))


@dataclass(frozen=True)
class Choice:
    """One of some values.

    Args:
        values: each as it is typed.
    """

    values: tuple[str, ...]

    def draw(self, random: numpy.random.Generator) -> str:
        """Return a value as it is typed."""
        return self.values[int(random.integers(len(self.values)))]
