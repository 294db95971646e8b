"""The covering array covers, and is small."""

from __future__ import annotations

import itertools

from .pairwise import covering

FACTORS = {"cell": tuple(range(13)), "mask": "abcd", "norm": "xyz", "noise": (False, True)}


def test_every_two_levels_meet_in_some_row() -> None:
    rows = covering(FACTORS)
    for a, b in itertools.combinations(FACTORS, 2):
        met = {(row[a], row[b]) for row in rows}
        assert met == set(itertools.product(FACTORS[a], FACTORS[b]))


def test_rows_are_few_and_the_same_each_time() -> None:
    rows = covering(FACTORS)
    assert len(rows) <= 60
    assert rows == covering(FACTORS)
