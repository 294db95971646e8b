"""What cells say about themselves."""

from __future__ import annotations

from typing import Any

import pytest

from gatekit.cell.errors import CellError
from gatekit.registry import catalogue, cell_config

from .shown import BUNDLED

WORK = {"authors": "Zhou, Z.", "title": "Gates", "year": 2016}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cite": WORK}, "cell.cite: a list of works is expected, such as"),
        ({"cite": ["a text"]}, r"cell.cite\[0\]: a work is a mapping"),
        ({"cite": [{**WORK, "titel": "x"}]}, r"cell.cite\[0\].titel: .*did you mean 'title'"),
        ({"cite": [{"title": "Gates"}]}, r"cell.cite\[0\]: authors, year is missing"),
        ({"cite": [{**WORK, "year": "2016"}]}, r"cell.cite\[0\].year: a year such as 1997"),
        ({"cite": [{**WORK, "arxiv": 1603.1}]}, r"cell.cite\[0\].arxiv: .*put it in quotes"),
        ({"cite": [{**WORK, "title": "a\nb"}]}, r"cell.cite\[0\].title: a text of one line"),
        ({"year": 16}, "cell.year: a year such as 1997 is expected, not 16"),
        ({"arxiv": 1603.1}, "cell.arxiv: a text is expected, not 1603.1; put it in quotes"),
        ({"tier": "certified"}, "cell.tier: 'certified' is not allowed; write `tier: unverified`"),
    ],
)
def test_wrong_values(lstm: Any, read: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError, match=message):
        read({**lstm(), **change})


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
    with pytest.raises(CellError, match=rf"cell.cite\[0\].{field}: .* write for example {field}: "):
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
    spec = read({**lstm(), "cite": [WORK], "year": 2016, "tier": "unverified", "doi": None})
    assert dict(spec.about) == {"cite": [WORK], "year": 2016, "tier": "unverified"}
    assert read(spec.canonical()) == spec


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_cell_says_where_it_comes_from(name: str, read: Any) -> None:
    about = dict(read(name).about)
    assert about["reference"]
    assert about["year"]
    assert about["cite"]


@pytest.mark.parametrize("name", BUNDLED)
def test_the_year_is_that_of_a_work(name: str) -> None:
    about = cell_config(name, catalogue())
    assert name == "tutorial" or about["year"] in {work["year"] for work in about["cite"]}
