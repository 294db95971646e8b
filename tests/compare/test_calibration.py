"""The rule's error and power: the page shows the committed numbers, and they are computed again."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from .calibration import DIFFERENT, EFFECTS, GROUPS, NOISES, PLACE, SEEDS, markdown, tables

MOST = 6.0
"""False verdicts in percent that are allowed: 5, and what 2,000 studies may err."""


def stored() -> dict[str, Any]:
    return dict(json.loads(PLACE.read_text(encoding="utf-8")))


def check(found: dict[str, Any]) -> None:
    """Assert the promises of docs/comparing.md."""
    wrong = [v for rows in found["false"].values() for row in rows.values() for v in row]
    assert len(wrong) == len(NOISES) * len(GROUPS) * len(SEEDS)
    assert max(wrong) <= MOST
    for effect in EFFECTS:
        for groups in DIFFERENT:
            row = found["power"][f"{effect:g}"][str(groups)]
            # Half a point is what the simulation may err where power is nearly one.
            assert all(after >= before - 0.5 for before, after in itertools.pairwise(row))
    assert found["power"]["1"]["10"][SEEDS.index(10)] >= 55


def test_the_page_shows_the_committed_numbers() -> None:
    found = stored()
    check(found)
    page = (PLACE.parent / "comparing.md").read_text(encoding="utf-8")
    for part in markdown(found).split("\n\n"):
        assert part.strip() in page


@pytest.mark.slow
def test_the_numbers_are_those_of_the_rule() -> None:
    found = tables()
    check(found)
    assert found == stored()
