"""Docs stay short: the path of twelve pages, the first screen of the README, all words together."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT, blocks
from .words import GENERATED, words

README = (ROOT / "README.md").read_text(encoding="utf-8")
PATH = re.findall(
    r": ([\w/]+\.md)$",
    (ROOT / "mkdocs.yml").read_text().split("First hours:")[1].split("- Reference:")[0],
    re.MULTILINE,
)


def test_all_pages_have_at_most_45_000_words() -> None:
    assert sum(words().values()) <= 45_000
    assert [page for page in GENERATED if not (ROOT / page).is_file()] == []


def test_the_path_has_twelve_pages_in_the_order_of_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \d+ \| \[[^]]*\]\(([^)]*)\)", index, re.MULTILINE) == PATH
    assert len(PATH) == 12


@pytest.mark.parametrize("page", PATH)
def test_a_page_of_the_path_is_read_in_ten_minutes(page: str) -> None:
    assert words()[f"docs/{page}"] <= 1_500


def test_the_architecture_is_read_in_twenty_minutes() -> None:
    assert words()["docs/architecture.md"] <= 3_000


def test_the_first_screen_goes_from_install_to_a_table() -> None:
    screen = "\n".join(README.splitlines()[:40])
    parts = ("make demo", "pip install -c constraints.txt -e .", "gatekit train -m", "compare")
    places = [screen.index(part) for part in (*parts, "```text")]
    assert places == sorted(places)
    gate = next(block for block in blocks("README.md") if block.language == "python")
    assert gate.file == "plugins/slow.py"
    assert sum(bool(line) for line in gate.text.splitlines()[1:]) <= 10
