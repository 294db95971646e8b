"""Covering arrays: few combinations in which every two levels of different factors meet."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
# A factor and its level, each with another's.
Pair = frozenset[tuple[str, Any]]


def covering(factors: Mapping[str, Sequence[Any]], seed: int = 0) -> list[Row]:
    """Return rows in which each pair of levels of two factors occurs, found greedily.

    Args:
        factors: the levels of each factor by name.
        seed: the seed of the search.
    """
    rng = random.Random(seed)
    listed = [
        ((a, x), (b, y))
        for a, b in itertools.combinations(factors, 2)
        for x in factors[a]
        for y in factors[b]
    ]
    listed.sort(key=lambda pair: repr(pair[0] + pair[1]))
    left = {frozenset(pair): pair for pair in listed}
    rows = []
    while left:
        best: tuple[int, Row] = (0, {})
        some = list(left.values())
        for _ in range(20):
            row = _filled(factors, rng.choice(some), left, rng)
            best = max(best, (len(left.keys() & _pairs(row)), row), key=lambda entry: entry[0])
        rows.append(best[1])
        for pair in _pairs(best[1]):
            left.pop(pair, None)
    return rows


def _filled(
    factors: Mapping[str, Sequence[Any]],
    start: tuple[tuple[str, Any], tuple[str, Any]],
    left: Mapping[Pair, Any],
    rng: random.Random,
) -> Row:
    """Return a row with a pair in it, its other levels those that meet most pairs that are left."""
    row: Row = dict(start)
    for name in rng.sample([f for f in factors if f not in row], len(factors) - 2):
        met = {
            level: sum(frozenset(((name, level), other)) in left for other in row.items())
            for level in factors[name]
        }
        row[name] = max(rng.sample(list(factors[name]), len(factors[name])), key=met.__getitem__)
    return {name: row[name] for name in factors}


def _pairs(row: Row) -> set[Pair]:
    return {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
