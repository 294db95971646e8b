"""The file is replaced as a whole, and again whenever a run has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from seams import write_report

from gatekit import ConfigError

from ..synthetic import write_study
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
