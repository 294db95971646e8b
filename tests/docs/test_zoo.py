"""The table of the zoo and the drawings are up to date, and the pages of the site are right."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from .pages import ROOT, hook

pytest.importorskip("mkdocs", reason="needs the group docs")


# Not for each process that collects the tests, but for the one that runs them.
@cache
def written() -> dict[str, str]:
    """Return what is written for the site, by path."""
    return dict(hook("zoo").pages())


def texts() -> dict[str, str]:
    """Return the page of each cell."""
    pages = {path: text for path, text in written().items() if path.startswith("zoo/")}
    return {Path(path).stem: text for path, text in pages.items() if path.endswith(".md")}


def test_each_cell_has_a_page_and_a_drawing() -> None:
    names = hook("zoo").NAMES
    assert len(names) > 160
    paths = [f"zoo/{name}.{kind}" for name in names for kind in ("md", "svg")]
    assert [*written()] == [*paths, "zoo.md"], (
        "each cell in conf/cell of the clone is a bundled one: move your own cells to conf/cell of "
        "a project, which `gatekit new project` creates"
    )


def test_the_table_is_up_to_date() -> None:
    assert (ROOT / "docs/zoo.md").read_text(encoding="utf-8") == written()["zoo.md"], "make zoo"


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "docs/drawings").iterdir()))
def test_a_drawing_is_up_to_date(name: str) -> None:
    drawn = (ROOT / f"docs/drawings/{name}.svg").read_text(encoding="utf-8")
    assert drawn == written()[f"zoo/{name}.svg"], "make zoo"


def test_no_cell_is_called_certified_without_a_witness() -> None:
    witnesses = hook("zoo").witnesses()
    assert [n for n, t in texts().items() if n not in witnesses and "Unverified" not in t] == []
