"""The gallery has a mark for every kind of figure, which the site replaces by its picture."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from seams import FIGURES

from .pages import ROOT, hook

pytest.importorskip("mkdocs", reason="needs the group docs")
TEXT = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")


def test_every_kind_of_figure_has_a_mark() -> None:
    gallery = hook("gallery")
    marks = [name for name, _ in gallery.MARK.findall(TEXT)]
    assert sorted(marks) == sorted({*FIGURES, *gallery.PHOTOGRAPHS})
    assert set(gallery.FIGURES) == set(FIGURES)


def test_a_picture_that_needs_chromium_may_be_missing() -> None:
    gallery = hook("gallery")
    files = SimpleNamespace(src_uris=[f"gallery/{kind}.svg" for kind in FIGURES])
    page = SimpleNamespace(file=SimpleNamespace(src_uri="gallery.md"))
    html = gallery.on_page_markdown(TEXT, page=page, files=files)
    assert html.count(gallery.LEFT_OUT) == len(gallery.PHOTOGRAPHS)
    assert all(f"](gallery/{kind}.svg)" in html for kind in FIGURES)
