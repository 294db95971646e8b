"""The file is replaced as a whole, and again whenever a run has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.report.context import Sheet
from gatekit.compare.report.write import watch, write_report

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
