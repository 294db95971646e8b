"""The page about architecture has a section for each package, which names its modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.M)[1:]}
PACKAGES = sorted(path.parent.name for path in (ROOT / "gatekit").glob("*/__init__.py"))


def modules(package: str) -> list[Path]:
    """Return the modules and packages directly in a package."""
    found = sorted((ROOT / "gatekit" / package).iterdir())
    return [p for p in found if p.suffix == ".py" or (p / "__init__.py").exists()]


def test_every_package_has_a_section_and_a_row() -> None:
    assert set(PACKAGES) <= set(SECTIONS)
    assert re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", PAGE, re.MULTILINE) == list(SECTIONS)[2:]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_section_names_every_module(package: str) -> None:
    text = SECTIONS[package]
    names = [path.stem for path in modules(package) if path.stem != "__init__"]
    assert names
    assert [name for name in names if not re.search(rf"`{name}[./`]", text)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_section_names_only_what_exists(package: str) -> None:
    below = [p for p in (ROOT / "gatekit" / package).rglob("*") if "__pycache__" not in p.parts]
    known = {path.stem for path in below}
    rows = re.findall(r"^\| file.*\n\|[-|]+\n((?:\|.*\n)+)", SECTIONS[package], re.MULTILINE)
    first = [row.split("|")[1] for table in rows for row in table.splitlines()]
    named = {name for cell in first for name in re.findall(r"`([\w/]+)/?`", cell)}
    if package == "runs":
        named = set()  # its table of files is that of a run's folder
    assert [n for n in sorted(named) if not set(n.strip("/").split("/")) <= known] == []
