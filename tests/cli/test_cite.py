"""``gatekit cite``: BibTeX of a cell's works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatekit.cli.main import EXIT_REFUSED, main


def test_bibtex_of_both_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "cell=lstm"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("@article{hochreiter1997long,\n")
    assert "\n@article{gers2000learning,\n" in text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "cell=gru", "--json"]) == 0
    works = json.loads(capsys.readouterr().out)
    assert [work["year"] for work in works] == [2014]


def test_a_cell_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/cell").mkdir(parents=True)
    (tmp_path / "conf/cell/own.yaml").write_text(
        "gates: {h: {kind: candidate}}\nreference: my notebook\nemits: h\n"
    )
    assert main(["cite", "cell=own"]) == EXIT_REFUSED
    assert "cell=own has no key cite; its reference: my notebook" in (capsys.readouterr().err)
    assert main(["cite", "cell=own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
