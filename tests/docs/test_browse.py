"""The page to browse the cells: complete, escaped, and usable from disk without a mouse."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from browser import Open

from gatekit.registry import cell_names

ROOT = Path(__file__).parents[2]
CELLS = ROOT / "conf" / "cell"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"
FEW = ("lstm", "gru", "mgu", "kda", "gated_delta_net", "delta_net", "rnn", "wrong")


def browse(module: str = "browse") -> ModuleType:
    """Return a module of the site's hooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "docs/hooks"), *sys.path])
        return importlib.import_module(module)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page of a few cells, one of them with a hostile name of its paper."""
    folder = tmp_path_factory.mktemp("zoo")
    own = folder / "conf" / "cell" / "wrong.yaml"
    own.parent.mkdir(parents=True)
    quoted = EVIL.replace("'", "''")
    own.write_text(
        f"gates: {{h: {{kind: candidate}}}}\nemits: h\nyear: 2001\nnotes: '{quoted}'\n"
        f"reference: '{quoted}'\n",
        encoding="utf-8",
    )
    path = folder / "zoo.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        path.write_text(browse().browse_page(set(FEW)), encoding="utf-8")
    return path


def test_every_bundled_cell_has_a_family_and_none_is_its_own_ancestor() -> None:
    found = browse().lineages()
    assert set(found) == {name for name, path in cell_names().items() if path.is_relative_to(CELLS)}
    assert {lineage.family for lineage in found.values()} == set(browse().families()) - {"others"}
    for name in found:
        line, at = [name], found[name].other
        while at:
            assert at in found, f"{line[-1]} comes from {at}, which is no cell"
            assert at not in line, f"{' -> '.join([*line, at])}"
            line.append(at)
            at = found[at].other


def test_state_sizes_are_written_as_polynomials() -> None:
    formula = browse("browse.card")._formula
    assert formula([64, 128, 256]) == "n"
    assert formula([1024 + 64 + 4, 4096 + 128 + 4, 16384 + 256 + 4]) == "n^2 / 4 + n + 4"
    assert formula([96, 192, 384]) == "3 n / 2"
    assert formula([0, 0, 0]) == "0"
    assert formula([None, 128, 256]) == ""


def test_strings_are_escaped_and_nothing_is_fetched(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "alert(1)</script><img" not in text
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in text
    assert "\u202e" not in text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    assert text.count("<script") == 1


def test_the_page_has_the_cells_that_are_asked_for(page: Path) -> None:
    shown = re.findall(r'<article class="card" id="(\w+)"', page.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(FEW)


def names(found: Any, within: str = "#families") -> list[str]:
    """Return the cells that a page shows, in its order."""
    cards = found.query_selector_all(f"{within} .card:not([hidden])")
    return [card.get_attribute("data-name") for card in cards if card.is_visible()]


def test_filters_and_views(page: Path, open_page: Open) -> None:
    found = open_page(page)
    assert found.inner_text("#count") == "8 cells"
    found.keyboard.press("/")
    found.keyboard.type("delta yang")
    assert names(found) == ["delta_net", "gated_delta_net"]
    assert found.inner_text("#count") == "2 cells"
    found.fill("#q", "nothing like this")
    assert found.is_visible("#nothing")
    found.click("button[type=reset]")
    found.wait_for_selector("#count:text-is('8 cells')")
    found.select_option("#family", "delta")
    assert names(found) == ["delta_net", "gated_delta_net", "kda"]
    found.fill("#from", "2024")
    assert names(found) == ["gated_delta_net", "kda"]
    found.click("button[type=reset]")
    found.select_option("#tier", "own")
    assert names(found) == ["wrong"]
    found.select_option("#tier", "")
    found.select_option("#parallel", "in chunks")
    assert names(found) == ["delta_net", "gated_delta_net", "kda"]
    found.select_option("#parallel", "")
    found.select_option("#view", "state")
    sizes = [
        int(card.get_attribute("data-state") or 0)
        for card in found.query_selector_all("#flat .card")
    ]
    assert sizes == sorted(sizes)
    found.select_option("#view", "tree")
    below = '#tree li[data-of="delta_net"] > ul > li[data-of="gated_delta_net"] > ul > li'
    assert found.get_attribute(below, "data-of") == "kda"
    found.fill("#q", "kimi")
    assert found.is_visible('#tree li[data-of="kda"] > .leaf')
    assert not found.is_visible('#tree li[data-of="gru"] > .leaf')


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        *((390, "dark"), (1440, "light")),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in ((800, "light"), (800, "dark"))),
    ],
)
def test_a_cell_opens_by_keyboard(page: Path, open_page: Open, width: int, scheme: str) -> None:
    found = open_page(page, viewport={"width": width, "height": 850}, color_scheme=scheme)
    assert found.evaluate("document.documentElement.scrollWidth") <= width
    found.focus("#lstm .open")
    found.keyboard.press("Enter")
    assert found.inner_text("#detail-name") == "lstm 2000"
    assert "forget * c_prev" in found.inner_text("#detail pre")
    assert found.evaluate("document.querySelector('.drawing').decode().then(() => true)")
    found.keyboard.press("ArrowRight")
    after = found.inner_text("#detail-name")
    assert after != "lstm 2000"
    found.keyboard.press("ArrowLeft")
    assert found.inner_text("#detail-name") == "lstm 2000"
    assert found.evaluate("document.querySelector('#detail').scrollWidth") <= width
    found.keyboard.press("Escape")
    assert not found.is_visible("#detail")
    assert found.evaluate("document.activeElement.textContent") == "lstm"


def test_a_link_to_a_cell_opens_it_and_hostile_strings_stay_text(
    page: Path, open_page: Open
) -> None:
    found = open_page(page)
    found.evaluate("location.hash = '#wrong'")
    found.wait_for_selector("#detail[open]")
    assert "</script><script>alert(1)" in found.inner_text("#detail-body")
    found.evaluate("location.hash = '#kda'")
    found.wait_for_selector("#detail-name:text-is('kda 2025')")
    found.click('#detail-body a[href="#gated_delta_net"]')
    assert found.inner_text("#detail-name") == "gated_delta_net 2024"
