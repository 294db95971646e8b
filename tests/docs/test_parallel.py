"""The page docs/parallel.md has the parallel form of each bundled cell."""

from __future__ import annotations

from .pages import hook

PARALLEL = hook("parallel")


def test_the_page_has_the_forms_of_all_cells() -> None:
    text = PARALLEL.PAGE.read_text(encoding="utf-8")
    assert text == PARALLEL.page(text), "run `make parallel`"
