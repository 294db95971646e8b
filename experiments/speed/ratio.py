"""How much faster one contender is than another, from pairs, with the spread."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles

from .contender import LIBRARIES
from .results import Race, Timing


@dataclass(frozen=True)
class Ratio:
    """How many times as long the peer took.

    Args:
        own: the divisor, mostly gatekit's contender.
        peer: the other.
        median: the median of the pairs' ratios; above 1 where ``own`` is faster.
        low: their first quartile.
        high: their third.
    """

    own: Timing
    peer: Timing
    median: float
    low: float
    high: float


def ratio(own: Timing, peer: Timing, clock: str) -> Ratio:
    """Return the ratio of two contenders' times, over the rounds that both ran.

    Args:
        own: the divisor.
        peer: the dividend.
        clock: ``wall`` or ``cpu``.
    """
    pairs = zip(peer.seconds(clock), own.seconds(clock), strict=False)
    ratios = [theirs / ours for theirs, ours in pairs]
    if len(ratios) == 1:
        return Ratio(own, peer, *ratios * 3)
    low, _, high = quantiles(ratios, n=4, method="inclusive")
    return Ratio(own, peer, median(ratios), low, high)


def best(race: Race, clock: str) -> list[Timing]:
    """Return the fastest usual mode of each library, gatekit's first."""
    found = [race.best(clock, library.name) for library in LIBRARIES]
    return [timing for timing in found if timing is not None]
