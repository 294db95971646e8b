"""The file is replaced as a whole, and again whenever a run has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from seams import Parser, RunFolder, Sheet, record, watch, write_report
from seams import compare_curves as module
from seams import compare_report as report
from seams import report_page as page

from gatekit import ConfigError

from ..synthetic import configuration, write_run, write_study
from .studies import sheet


def test_it_is_written_whole_and_into_new_folders(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6, 8.7]})
    path = tmp_path / "new" / "folder" / "page.html"
    write_report(path, sheet("demo", tmp_path))
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [entry.name for entry in path.parent.iterdir()] == ["page.html"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6, 8.7]})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="choose another --to"):
        write_report(tmp_path / "file" / "page.html", sheet("demo", tmp_path))


def test_it_is_written_again_when_a_run_changes_and_is_final_in_the_end(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6, 8.7]})
    path = tmp_path / "page.html"
    seen: list[tuple[int, bool]] = []
    told: list[int] = []

    def sleep(_: float) -> None:
        live = "data-seconds" in path.read_text(encoding="utf-8")
        seen.append((len(told), live))
        if len(seen) == 2:
            write_run(runs, configuration("gru", 0), 8.5)
        if len(seen) == 4:
            raise KeyboardInterrupt

    def tell(now: Sheet) -> None:
        told.append(len(now.comparison.study.runs))

    last = watch(path, tmp_path / "demo", lambda: sheet("demo", tmp_path), tell, 5, sleep)
    assert told == [2, 3]
    assert seen == [(1, True), (1, True), (2, True), (2, True)]
    assert len(last.comparison.study.runs) == 3
    assert "data-seconds" not in path.read_text(encoding="utf-8")


def _options(root: Path) -> Any:
    return report._options(Parser("report", "", ["demo", "--root", str(root)]))


def _running(runs: Path) -> RunFolder:
    folder = RunFolder(runs / ("c" * 16))
    folder.claim()
    folder.write_config(configuration("gru", 5))
    _log(folder, 1)
    return folder


def _log(folder: RunFolder, epoch: int) -> None:
    place = {"epoch": epoch, "step": epoch, "split": "validation", "metric": "nll"}
    folder.log({**place, "value": 9.0 - epoch / 100, "seconds": float(epoch)})


def test_only_what_changed_is_read_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6, 8.7], "gru": [8.5, 8.6]})
    folder = _running(runs)
    path = tmp_path / "page.html"
    read: list[str] = []
    curves: list[str] = []
    whole, some = record.read_run, module.read_curves

    def read_run(path: Path, *rest: Any) -> Any:
        read.append(path.name)
        return whole(path, *rest)

    def read_curves(run: Any) -> Any:
        curves.append(run.id)
        return some(run)

    monkeypatch.setattr(record, "read_run", read_run)
    monkeypatch.setattr(module, "read_curves", read_curves)
    sheets: list[Sheet] = []
    rounds: list[tuple[int, int, int, int]] = []

    def sleep(_: float) -> None:
        rounds.append((len(read), len(curves), len(sheets), path.stat().st_ino))
        read.clear()
        curves.clear()
        if len(rounds) == 2:
            _log(folder, 2)
        if len(rounds) == 3:  # what no section shows
            os.utime(runs / ("c" * 16) / "metrics.jsonl", ns=(1, 1))
        if len(rounds) == 4:
            folder.status("FAILED", "the reason")
        if len(rounds) == 5:
            raise KeyboardInterrupt

    watch(path, tmp_path / "demo", report._sheets(_options(tmp_path)), sheets.append, 5, sleep)
    first, same, logged, touched, failed = rounds
    assert first[:3] == (5, 5, 1)
    assert same == (0, 0, 1, first[3])
    assert logged[:3] == (1, 1, 2)
    assert logged[3] != first[3]
    assert touched == (1, 1, 2, logged[3])
    assert failed[:3] == (1, 1, 3)
    assert sheets[0] is sheets[1]
    assert sheets[2] is not sheets[1]
    monkeypatch.undo()
    fresh = report._sheet(_options(tmp_path))
    assert path.read_text(encoding="utf-8") == page(fresh), "as if all had been read again"


def test_a_run_that_is_planned_meanwhile_is_counted(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6, 8.7]})
    make = report._sheets(_options(tmp_path))
    first = make()
    assert make() is first
    entry = {"id": "a" * 16, "label": "seed=7", "words": [], "origin": ""}
    plan = json.dumps({"schema": 1, "runs": [entry]})
    (tmp_path / "demo" / "plan-0.json").write_text(plan)
    assert make().waiting == 1
