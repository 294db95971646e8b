"""The pages of the zoo are up to date with `make zoo`."""

from __future__ import annotations

import re
from functools import cache

import pytest
from zoo import NAMES, ROOT, pages, witnesses

PATHS = [*(f"zoo/{name}.{kind}" for name in NAMES for kind in ("md", "svg")), "zoo.md"]


# Not for each process that collects the tests, but for the one that runs them.
@cache
def written() -> dict[str, str]:
    """Return what `make zoo` would write, by path."""
    return dict(pages())


@pytest.mark.slow
def test_one_page_and_drawing_for_each_cell() -> None:
    assert list(written()) == PATHS
    below = {f"zoo/{path.name}" for path in (ROOT / "docs/zoo").iterdir()}
    assert below | {"zoo.md"} == set(PATHS), (
        "each cell in conf/cell of the clone is a bundled one: run `make zoo`, or move your own "
        "cells to conf/cell of a project, which `gatekit new project` creates"
    )


@pytest.mark.parametrize("path", PATHS)
def test_the_page_is_up_to_date(path: str) -> None:
    assert (ROOT / "docs" / path).read_text(encoding="utf-8") == written()[path], "run `make zoo`"


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_called_certified_without_a_witness(name: str) -> None:
    page = written()[f"zoo/{name}.md"]
    assert name in witnesses() or "Unverified" in page


@pytest.mark.parametrize("name", NAMES)
def test_a_second_hand_cell_names_its_source(name: str) -> None:
    page = written()[f"zoo/{name}.md"]
    note = " ".join(page.split("Note: ")[-1].split("```")[0].split())
    if "**Second hand:**" in page:
        assert re.search("[Ff]rom |As in |implementations", note)
    elif "**Unverified:**" not in page:
        assert not re.search("quotation|paper was not available|[Ff]rom torchrecurrent", note)
