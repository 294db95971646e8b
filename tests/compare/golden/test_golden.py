"""The seven formats of a comparison, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .studies import LARGE, SMALL, hashes, written

EXPECTED = Path(__file__).parent / "expected"


@pytest.mark.parametrize(
    "study", [SMALL[0], *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL[1:])]
)
def test_the_whole_text_of_a_small_study(study: str, tmp_path: Path) -> None:
    expected = {f.name: f.read_text(encoding="utf-8") for f in (EXPECTED / study).iterdir()}
    assert written(study, tmp_path) == expected


@pytest.mark.slow
@pytest.mark.parametrize("study", LARGE)
def test_the_hashes_of_a_large_study(study: str, tmp_path: Path) -> None:
    assert (
        hashes(written(study, tmp_path))
        == json.loads((EXPECTED / "hashes.json").read_text())[study]
    )
