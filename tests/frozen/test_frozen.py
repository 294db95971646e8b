"""Cells, fingerprints and plans are those of the files of this folder; see freeze.py."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import freeze
import pytest

CELLS = {record["cell"]: record for record in freeze.read("cells.jsonl")}
PLANS = {record["line"]: record for record in freeze.read("plans.jsonl")}
DOCUMENTS = json.loads((freeze.HERE / "documents.json").read_text(encoding="utf-8"))
MANY = 40
"""Lines with more runs take long, and are planned in CI."""


def test_each_bundled_cell_has_its_canonical_form_and_the_fingerprint_of_its_run() -> None:
    with freeze.folder():
        now = freeze.cells()
    wrong = {name: freeze.differences(record, now[name]) for name, record in CELLS.items()}
    assert {name: what for name, what in wrong.items() if what} == {}


def sized(few: bool) -> list[str]:
    return [line for line, record in PLANS.items() if (record.get("count", 0) <= MANY) == few]


@pytest.mark.parametrize("line", sized(True))
def test_a_command_plans_the_runs_that_it_planned(line: str) -> None:
    with freeze.folder():
        assert freeze.differences(PLANS[line], freeze.plan_of(line)) == []


@pytest.mark.slow
@pytest.mark.parametrize("line", sized(False))
def test_a_command_plans_the_many_runs_that_it_planned(line: str) -> None:
    with freeze.folder():
        assert freeze.differences(PLANS[line], freeze.plan_of(line)) == []


@pytest.mark.parametrize("words", sorted(DOCUMENTS))
def test_a_fingerprint_hashes_this_document(words: str) -> None:
    """The sources of plugins may have changed since; all else may not."""
    with freeze.folder():
        (run,), _ = freeze.planned([words])
    document: dict[str, Any] = DOCUMENTS[words]
    assert document["plugins"].keys() == run.plugins.keys()
    text = json.dumps(
        {**document, "plugins": dict(run.plugins)}, sort_keys=True, separators=(",", ":")
    )
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == run.fingerprint


def test_a_plan_that_differs_is_found() -> None:
    line = "train cell=gru"
    with freeze.folder():
        other = freeze.plan_of("train cell=gru seed=1")
    assert {"first", "runs"} <= {*freeze.differences(PLANS[line], other)}
