"""Covering arrays: few combinations in which every two levels of different factors meet."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def covering(factors: Mapping[str, Sequence[Any]], seed: int = 0) -> list[Row]:
    """Return rows in which each pair of levels of two factors occurs, found greedily.

    Args:
        factors: the levels of each factor by name.
        seed: the seed of the search.
    """
    rng = random.Random(seed)
    pairs = {
        (a, x, b, y)
        for a, b in itertools.combinations(factors, 2)
        for x in factors[a]
        for y in factors[b]
    }
    left = sorted(pairs, key=repr)
    rows = []
    while left:
        best: tuple[int, Row] = (0, {})
        for _ in range(20):
            row = _filled(factors, left, rng)
            best = max(best, (_count(row, left), row), key=lambda entry: entry[0])
        rows.append(best[1])
        left = [p for p in left if not _met(best[1], p)]
    return rows


def _filled(factors: Mapping[str, Sequence[Any]], left: Sequence[Any], rng: random.Random) -> Row:
    a, x, b, y = rng.choice(left)
    row: Row = {a: x, b: y}
    for name in rng.sample([f for f in factors if f not in row], len(factors) - 2):
        levels = rng.sample(list(factors[name]), len(factors[name]))
        row[name] = max(levels, key=lambda level: _count({**row, name: level}, left))
    return {name: row[name] for name in factors}


def _met(row: Row, pair: Any) -> bool:
    a, x, b, y = pair
    return a in row and b in row and bool(row[a] == x) and bool(row[b] == y)


def _count(row: Row, left: Sequence[Any]) -> int:
    return sum(_met(row, p) for p in left)
