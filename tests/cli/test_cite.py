"""``gatekit cite``: BibTeX of a cell's works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from seams import EXIT_REFUSED, main


def test_bibtex_of_both_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "cell=lstm"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("@article{gers2000learning,\n")
    assert "\n@article{hochreiter1997long,\n" in text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "cell=gru", "--json"]) == 0
    works = json.loads(capsys.readouterr().out)
    assert [(work["key"], work["year"]) for work in works] == [("cho2014learning", 2014)]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's ``conf`` with a cell ``own`` that cites three works."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/cell").mkdir(parents=True)
    (tmp_path / "conf/cell/own.yaml").write_text(
        "gates: {h: {kind: candidate}}\nemits: h\n"
        "cite: [own2026, nobody1900, {authors: 'A, B', title: T, year: 1999}]\n"
    )
    return tmp_path / "conf"


def test_works_of_ones_own(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "references.bib").write_text(
        "@book{own2026, author = {Own, O.}, title = {A}, year=2026}"
    )
    assert main(["cite", "cell=own"]) == 0
    book, unknown, inline = capsys.readouterr().out.split("\n\n")
    assert book.startswith("@book{own2026,\n")
    assert unknown == "% nobody1900: no references.bib has this key"
    assert inline.startswith("@misc{a1999t,\n")
    assert main(["cite", "cell=own", "--json"]) == 0
    keys = [work["key"] for work in json.loads(capsys.readouterr().out)]
    assert keys == ["own2026", "nobody1900", "a1999t"]
    assert main(["show", "cell=own"]) == 0
    assert "reference: Own 2026; nobody1900; A 1999" in capsys.readouterr().out
    assert main(["cells", "--year", "2026", "--tier", "own", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["name"], row["year"]) == ("own", 2026)


@pytest.mark.parametrize("argv", [["cite", "cell=own"], ["show", "cell=own"], ["cells"]])
def test_a_damaged_bibliography_is_named(
    own: Path, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "references.bib").write_text("@book{own2026, author = {Own, O.}")
    assert main(argv) == EXIT_REFUSED
    assert "conf/references.bib, line 1: " in capsys.readouterr().err


def test_a_cell_that_cites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/cell").mkdir(parents=True)
    (tmp_path / "conf/cell/own.yaml").write_text(
        "gates: {h: {kind: candidate}}\nreference: my notebook\nemits: h\n"
    )
    assert main(["cite", "cell=own"]) == EXIT_REFUSED
    assert "cell=own cites no work. Its reference: my notebook." in capsys.readouterr().err
    assert main(["cite", "cell=own", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_works_of_a_cell_that_it_starts_from_are_named_as_such(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "cell/duo.yaml").write_text("defaults: [lstm, _self_]\nname: duo\n")
    assert main(["cite", "cell=duo"]) == 0
    first, comment, entry, *_ = capsys.readouterr().out.split("\n\n")
    assert first == "% duo itself cites no work."
    assert comment == "% duo starts from lstm, which cites:"
    assert entry.startswith("@article{gers2000learning,")
    assert main(["cite", "cell=duo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["show", "cell=duo"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "starts from: lstm (Gers, Schmidhuber & Cummins 2000" in shown
    assert "reference:" not in shown
    assert "notes:" not in shown
