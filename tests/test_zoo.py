"""The pages of the zoo are those that `make zoo` writes."""

from __future__ import annotations

import pytest
from zoo import NAMES, ROOT, pages, witnesses

WRITTEN = dict(pages())


def test_one_page_and_drawing_for_each_cell() -> None:
    below = {f"zoo/{path.name}" for path in (ROOT / "docs/zoo").iterdir()}
    assert below | {"zoo.md"} == set(WRITTEN), (
        "each cell in conf/cell of the clone is a bundled one: run `make zoo`, or move your own "
        "cells to conf/cell of a project, which `gatekit new project` creates"
    )


@pytest.mark.parametrize("path", WRITTEN)
def test_the_page_is_up_to_date(path: str) -> None:
    assert (ROOT / "docs" / path).read_text(encoding="utf-8") == WRITTEN[path], "run `make zoo`"


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_called_certified_without_a_witness(name: str) -> None:
    page = WRITTEN[f"zoo/{name}.md"]
    assert name in witnesses() or "Unverified" in page
