"""What cells say about themselves."""

from __future__ import annotations

from typing import Any

import pytest
from refused import at
from seams import CellError, cited, provenance

from gatekit.registry import bibliography, catalogue, cell_config

from .shown import BUNDLED

WORK = {"authors": "Zhou, Z.", "title": "Gates", "year": 2016}
WORKS = bibliography()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"cite": WORK}, "cite"),
        ({"cite": "zhou2016"}, "cite"),
        ({"cite": ["a text"]}, "cite.0"),
        ({"cite": ["a", 3]}, "cite.1"),
        ({"cite": ["a}"]}, "cite.0"),
        ({"cite": ["a" * 101]}, "cite.0"),
        ({"cite": [{**WORK, "titel": "x"}]}, "cite.0.titel"),
        ({"cite": [{"title": "Gates"}]}, "cite.0"),
        ({"cite": [{**WORK, "year": "2016"}]}, "cite.0.year"),
        ({"cite": [{**WORK, "arxiv": 1603.1}]}, "cite.0.arxiv"),
        ({"cite": [{**WORK, "title": "a\nb"}]}, "cite.0.title"),
        ({"year": 16}, "year"),
        ({"arxiv": 1603.1}, "arxiv"),
        ({"tier": "certified"}, "tier"),
    ],
)
def test_wrong_values(lstm: Any, read: Any, change: dict[str, Any], place: str) -> None:
    with pytest.raises(CellError) as caught:
        read({**lstm(), **change})
    assert caught.value.fault is not None
    assert str(caught.value.fault.place) == f"cell.{place}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "javascript:alert(1)"),
        ("url", "file:///etc/passwd"),
        ("url", "https://x}, note = {y"),
        ("url", "http:// x"),
        ("url", "see https://example.org"),
        ("doi", "javascript:alert(1)"),
        ("doi", "10.1/x} , url = {y"),
        ("arxiv", "javascript:alert(1)"),
        ("arxiv", "1406.1078}"),
    ],
)
def test_links_are_links(lstm: Any, read: Any, field: str, value: str) -> None:
    with pytest.raises(CellError, check=at(f"cell.cite.0.{field}")):
        read({**lstm(), "cite": [{**WORK, field: value}]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "https://example.org/a_(b)?c=d#e"),
        ("url", "http://x.org"),
        ("doi", "10.1207/s15516709cog1402_1"),
        ("doi", "10.1002/(SICI)1097-0258(19980815)17:15<1661::AID>3.0.CO;2-2"),
        ("arxiv", "2410.01201v2"),
        ("arxiv", "cs.NE/0105001"),
    ],
)
def test_usual_links_are_kept(lstm: Any, read: Any, field: str, value: str) -> None:
    assert read({**lstm(), "cite": [{**WORK, field: value}]}).about


def test_right_values_are_kept(lstm: Any, read: Any) -> None:
    cite = ["zhou2016minimal", WORK]
    spec = read({**lstm(), "cite": cite, "year": 2016, "tier": "unverified", "doi": None})
    assert dict(spec.about) == {"cite": cite, "year": 2016, "tier": "unverified"}
    assert read(spec.canonical()) == spec


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_cell_cites_works_of_the_bibliography(name: str, read: Any) -> None:
    about = dict(read(name).about)
    assert set(about["cite"]) <= set(WORKS)
    assert about["notes"]
    assert {"doi", "arxiv"}.isdisjoint(about)
    assert name == "tutorial" or {"reference", "year"}.isdisjoint(about)


def test_every_bundled_work_is_cited_and_has_the_key_that_gatekit_makes() -> None:
    cells = [cell_config(name, catalogue()) for name in BUNDLED]
    assert {key for cell in cells for key in cell["cite"]} == set(WORKS)
    for key, work in WORKS.items():
        made = {k: v for k, v in work.data().items() if k != "key"}
        assert cited({"cite": [made]}, {})[0] == work
        assert cited({"cite": [made]}, {})[0].key == key


def test_reference_and_year_come_from_the_works() -> None:
    about = provenance({"cite": ["gers2000learning", "cho2014learning"]}, WORKS)
    assert about["year"] == 2000
    assert about["reference"] == (
        "Gers, Schmidhuber & Cummins 2000, doi:10.1162/089976600300015015; "
        "Cho et al. 2014, arXiv:1406.1078"
    )
    own = provenance({"cite": ["gers2000learning"], "reference": "mine", "year": 1999}, WORKS)
    assert (own["reference"], own["year"]) == ("mine", 1999)


def test_an_unknown_key_is_shown_as_it_is() -> None:
    about = provenance({"cite": ["nobody1900nothing", "cho2014learning"]}, WORKS)
    assert about["reference"] == "nobody1900nothing; Cho et al. 2014, arXiv:1406.1078"
    assert about["year"] is None
    assert about["cite"][0] == {"key": "nobody1900nothing"}


def test_a_cell_without_works() -> None:
    assert set(provenance({}, WORKS).values()) == {None}
