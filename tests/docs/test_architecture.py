"""The page about architecture has a section for each package, and names only what exists."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.M)[1:]}
PACKAGES = sorted(path.parent.name for path in (ROOT / "gatekit").glob("*/__init__.py"))


def exists(name: str, package: str = "") -> bool:
    """Return whether a path, with or without ``.py``, is in a package or in ``gatekit``."""
    place = ROOT / "gatekit" / package / name.removesuffix("/")
    return place.exists() or place.with_suffix(".py").exists()


def test_every_package_has_a_section_and_a_row() -> None:
    assert set(PACKAGES) <= set(SECTIONS)
    assert re.findall(r"^\| \[`(\w+)`\]\(#\1\) \|", PAGE, re.MULTILINE) == list(SECTIONS)[2:]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_section_names_where_to_start(package: str) -> None:
    (first,) = re.findall(r"Start with `([\w/]+)`", SECTIONS[package])
    assert exists(first, package)
    init = (ROOT / "gatekit" / package / "__init__.py").read_text(encoding="utf-8")
    assert first.rpartition("/")[2] in re.split(r"Start\s+with", init, maxsplit=1)[1][:40]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_section_names_only_what_exists(package: str) -> None:
    rows = re.findall(r"^\| part.*\n\|[-|]+\n((?:\|.*\n)+)", SECTIONS[package], re.MULTILINE)
    first = [row.split("|")[1] for table in rows for row in table.splitlines()]
    named = {name for cell in first for name in re.findall(r"`([\w/]+)`", cell)}
    folders = set(re.findall(r"`(\w+/)`", SECTIONS[package])) - {"plugins/", "conf/"}
    assert [name for name in sorted(named | folders) if not exists(name, package)] == []


def test_where_to_change_what_names_files() -> None:
    table = PAGE.split("| to change | go to |")[1].split("\n\n")[0]
    files = re.findall(r"`([a-z_]+/[\w/]+\.py)`", table)
    assert len(files) > 10
    assert [name for name in files if not exists(name)] == []
