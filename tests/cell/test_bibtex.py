"""Works as BibTeX."""

from __future__ import annotations

import pytest

from gatekit.cell.show.bibtex import bibtex

WORK = {"authors": "Gers, Felix A. and Schmidhuber, Jürgen", "title": "A & B_c", "year": 2000}


def test_an_entry() -> None:
    assert bibtex([{**WORK, "journal": "J", "doi": "10.1/a_b"}]) == (
        "@article{gers2000b_c,\n"
        "  author  = {Gers, Felix A. and Schmidhuber, Jürgen},\n"
        "  title   = {{A \\& B\\_c}},\n"
        "  year    = {2000},\n"
        "  journal = {J},\n"
        "  doi     = {10.1/a_b}\n"
        "}"
    )


@pytest.mark.parametrize(
    ("field", "kind"),
    [("journal", "article"), ("booktitle", "inproceedings"), ("school", "phdthesis")],
)
def test_where_it_appeared_decides_the_kind(field: str, kind: str) -> None:
    assert bibtex([{**WORK, field: "P"}]).startswith(f"@{kind}{{")


def test_a_preprint_has_its_number() -> None:
    entry = bibtex([{**WORK, "arxiv": "1406.1078"}])
    assert entry.startswith("@misc{")
    assert "  eprint        = {1406.1078},\n  archiveprefix = {arXiv}" in entry


def test_keys_are_ascii() -> None:
    work = {"authors": "Pöppel, Korbinian", "title": "On the β-cell", "year": 2024}
    assert bibtex([work]).startswith("@misc{poppel2024cell,")


def test_works_are_apart() -> None:
    assert bibtex([WORK, WORK]).count("\n\n@misc{") == 1
