"""``gatekit cells`` with its filters."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from seams import EXIT_REFUSED, main

OWN = "gates: {h: {kind: candidate}}\nemits: h\nyear: 2014\ntier: unverified\n"


def cells(argv: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return the cells that a question finds, by name."""
    assert main(["cells", *argv, "--json"]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


@pytest.fixture(name="everything", scope="module")
def _everything() -> dict[str, dict[str, Any]]:
    """Return all bundled cells, as JSON tells of them."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main(["cells", "--json"]) == 0
    return {row["name"]: row for row in json.loads(text.getvalue())}


def test_what_is_told_of_a_cell(everything: dict[str, dict[str, Any]]) -> None:
    row = everything["gru"]
    assert row["reference"] == "Cho et al. 2014, arXiv:1406.1078"
    assert row["summary"].startswith("Version 3 of the paper: the reset gate")
    told = {key: row[key] for key in ("year", "tier", "states", "scannable", "origin")}
    assert told == {
        "year": 2014,
        "tier": "certified",
        "states": ["h"],
        "scannable": False,
        "origin": "gatekit",
    }


def test_filters(everything: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    found = cells(["--scannable"], capsys)
    assert "mingru" in found
    assert "gru" not in found
    assert all(row["scannable"] for row in found.values())
    found = cells(["--states", "4", "--year", "2024"], capsys)
    both = {n: r for n, r in everything.items() if len(r["states"]) == 4 and r["year"] == 2024}
    assert found == both
    assert "slstm" in found
    found = cells(["--year", "2014-2018", "--states", "1"], capsys)
    assert {"gru", "janet"} <= set(found)
    assert {row["year"] for row in found.values()} <= set(range(2014, 2019))


def test_tiers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf/cell").mkdir(parents=True)
    (tmp_path / "conf/cell/mine.yaml").write_text(OWN)
    (tmp_path / "conf/cell/odd.yaml").write_text(
        "gates: {h: {kind: candidate, reads: {x: diagonal}, units: 3}}\nemits: h\n"
    )
    monkeypatch.chdir(tmp_path)
    own = cells(["--tier", "own"], capsys)
    assert set(own) == {"mine", "odd"}
    assert own["odd"]["states"] is None
    others = cells(["--tier", "second hand"], capsys)
    assert {"mgu", "mut1"} <= set(others)
    assert not {"gru", "mine"} & set(others)
    assert main(["cells", "--tier", "own"]) == 0
    shown = capsys.readouterr().out
    assert "conf/cell/mine.yaml" in shown
    assert " ? " in shown


def test_how_many_there_are(
    everything: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    tiers = [row["tier"] for row in everything.values()]
    assert main(["cells"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    certified, second, unverified = map(tiers.count, ("certified", "second hand", "unverified"))
    assert last == f"{certified} certified, {second} second hand, {unverified} unverified"
    assert certified >= 80


def test_a_year_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells", "--year", "long ago"]) == EXIT_REFUSED
    assert "a year, or two with a hyphen, is expected" in capsys.readouterr().err


def test_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells", "--year", "1901"]) == 2
    out, message = capsys.readouterr()
    assert out == ""
    assert "cells matches" in message
