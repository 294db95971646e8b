"""``gatekit studies`` over written run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compare.synthetic import configuration, write_run, write_study
from seams import EXIT_REFUSED, main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_studies_are_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = here / "experiments"
    runs = write_study(root, {"lstm": [8.6, 8.7], "gru": [8.5]}, "first")
    write_run(runs, configuration("gru", 1), state="FAILED")
    write_run(runs, configuration("gru", 2), state="PLANNED")
    other = write_study(root, {"lstm": [8.6]}, "second", task__name="adding")
    write_run(other, configuration("lstm", 1, task__name="adding"), state="INTERRUPTED")
    (root / "not_a_study").mkdir()
    assert main(["studies"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "first" in text
    assert "not_a_study" not in text
    head, _, *rows = text.splitlines()
    assert head.split() == ["study", "runs", "variants", "tasks", "metrics", "changed"]
    assert {row.split()[0] for row in rows} == {"first", "second"}
    assert "3 done, 1 failed, 1 waiting" in text
    # The word of `gatekit status`: a stopped run has not failed.
    assert "1 done, 1 interrupted" in text
    assert main(["studies", "--json"]) == 0
    found = {one["study"]: one for one in json.loads(capsys.readouterr().out)}
    first = found["first"]
    assert (first["done"], first["failed"], first["waiting"], first["variants"]) == (3, 1, 1, 2)
    assert found["second"]["tasks"] == ["adding"]
    assert first["metrics"] == ["nll"]
    assert first["changed"].endswith("+00:00")


def test_a_study_of_a_newer_gatekit_is_listed_with_its_error(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(here / "experiments", {"lstm": [8.6]}, "old")
    write_run(here / "experiments" / "new" / "runs", configuration(), schema=99)
    assert main(["studies"]) == 1
    text = capsys.readouterr().out
    assert "new cannot be read" in text
    assert "old" in text


def test_a_missing_folder_is_named_in_full(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["studies"]) == EXIT_REFUSED
    assert f"there is no folder {here / 'experiments'}" in capsys.readouterr().err
    assert main(["compare", "duo"]) == EXIT_REFUSED
    assert str(here / "experiments") in capsys.readouterr().err
