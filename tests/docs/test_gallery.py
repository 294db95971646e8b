"""The gallery shows every kind of figure, and its pictures are small."""

from __future__ import annotations

from pathlib import Path

from gatekit.cli.compare.compare import FIGURES

DOCS = Path(__file__).parents[2] / "docs"


def test_every_kind_of_figure_is_shown() -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    pictures = {path.stem for path in (DOCS / "gallery").glob("*.png")}
    shown = {name for name in pictures if f"(gallery/{name}.png)" in page}
    assert pictures == shown
    assert {name for name in shown if not name.startswith("report")} == set(FIGURES)
    assert {"report", "report-phone", "report-curves"} <= shown


def test_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in (DOCS / "gallery").iterdir()) < 600_000
