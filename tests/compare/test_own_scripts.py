"""Runs that a user's own training script wrote with ``gatekit.run`` compare like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.cells import heading
from gatekit.compare.comparison import Comparison, compare
from gatekit.study.record import run


def record(root: Path, cell: str, seed: int, test: bool, shift: float = 0.0) -> None:
    options = {"metric": "error", "unit": "%", "root": root}
    with run("mine", {"cell": cell, "width": 8}, seed, **options) as this:
        for epoch in (1, 2, 3):
            value = 30.0 / epoch + seed + shift
            this.log(epoch, val=value, **({"test": value + 0.5} if test else {}))


def study(root: Path, test: bool) -> Comparison:
    for seed in range(3):
        record(root, "lstm", seed, test)
        record(root, "gru", seed, test, shift=1.0 + seed / 10)
    return compare("mine", root)


def test_they_are_compared_on_their_test_scores(tmp_path: Path) -> None:
    found = study(tmp_path, test=True)
    assert [row.group.label for row in found.rows] == ["lstm", "gru"]
    assert heading(found)[2] == "test error (%)"
    assert str(found.rows[1].verdict).startswith("gru is worse than lstm by 1.10 %")
    assert found.rows[0].summary is not None
    assert found.rows[0].summary.mean == pytest.approx(11.5)
    assert found.rows[0].summary.parameters is None


def test_without_test_scores_validation_is_shown_and_said(tmp_path: Path) -> None:
    found = study(tmp_path, test=False)
    assert heading(found)[2] == "validation error (%)"
    assert found.rows[0].summary is not None
    assert found.rows[0].summary.mean == pytest.approx(11.0)
    assert "lstm: no test score was logged: validation is shown" in str(found.notes)


def test_test_scores_are_not_compared_with_validation_scores(tmp_path: Path) -> None:
    for seed in range(3):
        record(tmp_path, "lstm", seed, test=True)
        record(tmp_path, "gru", seed, test=False)
    verdict = compare("mine", tmp_path).rows[0].verdict or compare("mine", tmp_path).rows[1].verdict
    assert "not comparable with lstm: another split (validation against test)" in str(verdict)
    record(tmp_path, "gru", 3, test=True)
    with pytest.raises(ConfigError, match="log the same scores"):
        compare("mine", tmp_path)


def test_a_script_that_diverged_counts_as_diverged(tmp_path: Path) -> None:
    study(tmp_path, test=True)
    with run("mine", {"cell": "gru", "width": 8}, 3, metric="error", unit="%", root=tmp_path) as r:
        r.log(1, val=12.0, test=12.0)
        r.log(2, val=float("nan"), test=float("nan"))
    gru = compare("mine", tmp_path).rows[1].summary
    assert gru is not None
    assert (gru.n, gru.diverged, gru.mean) == (4, 1, None)
