"""``gatekit bundle`` and ``gatekit import`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compare.synthetic import configuration, write_run, write_study
from seams import EXIT_REFUSED, main


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    runs = write_study(tmp_path / "here" / "experiments", {"lstm": [8.6, 8.65], "gru": [8.7, 8.8]})
    write_run(runs, configuration("gru", 2), state="FAILED", reason="killed")
    return tmp_path


def test_a_study_travels(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "demo", "--output", "../there/lab.zip"]) == 0
    shown, said = capsys.readouterr()
    assert shown == "../there/lab.zip\n"
    assert "note: in the bundle without an outcome: 1 FAILED\n" in said
    monkeypatch.chdir(root / "there")
    assert main(["import", "lab.zip"]) == 0
    assert "gatekit compare demo" in capsys.readouterr().out
    assert main(["compare", "demo", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["n"] for row in rows] == [2, 2]
    assert rows[1]["missing"] == 1


def test_what_is_no_bundle_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.zip").write_text("no zip")
    assert main(["import", "x.zip"]) == EXIT_REFUSED
    assert "x.zip is not a bundle" in capsys.readouterr().err
