"""The site builds without a warning, fetches nothing, and contains its generated lists."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import processes
import pytest

from .pages import ROOT, pages

NAV = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [p for p in pages() if p.startswith("docs/")])
def test_every_page_is_in_the_navigation(page: str) -> None:
    assert re.search(rf": {re.escape(page.removeprefix('docs/'))}$", NAV, re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    if not all(map(importlib.util.find_spec, ("mkdocs", "mkdocstrings"))):
        pytest.skip("needs the group docs: pip install -c constraints.txt --group docs")
    folder = tmp_path_factory.mktemp("site")
    done = processes.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # TensorFlow, which the pages of the cells need, has a warning of its own
    assert not re.search(r"^WARNING +-", done.stderr, re.MULTILINE)
    return folder


@pytest.mark.slow
def test_no_page_fetches_anything(site: Path) -> None:
    fetched = re.compile(r"""(?:\bsrc=|<link[^>]*\bhref=|@import\s+|url\()["']?(https?:)?//""")
    texts = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(texts) > 150
    assert [p.name for p in texts if fetched.search(p.read_text(encoding="utf-8"))] == []


@pytest.mark.slow
def test_lists_are_made_from_gatekit_itself(site: Path) -> None:
    from seams import COMMANDS, hooks

    from gatekit.registry import catalogue

    bundled = (site / "reference/bundled.html").read_text(encoding="utf-8")
    assert [gate for gate in catalogue().gates if f"<code>{gate}</code>" not in bundled] == []
    commands = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert [c for c in COMMANDS if f"usage: gatekit {c} " not in commands] == []
    page = (site / "reference/hooks.html").read_text(encoding="utf-8")
    wanted = [name for name in vars(hooks) if name.startswith("gatekit_")]
    # once in the table of those that use it, and once with its signature
    assert [name for name in wanted if page.count(f"<code>{name}</code>") < 1] == []
    assert [name for name in wanted if f'id="gatekit.registry.hooks.{name}"' not in page] == []


@pytest.mark.slow
def test_the_public_names_have_a_reference(site: Path) -> None:
    import gatekit

    page = (site / "reference/python.html").read_text(encoding="utf-8")
    modules = {"code", "compare", "convert", "ops", "registry", "tasks", "testing"}
    apart = {*modules, "hookimpl"}
    missing = [n for n in gatekit.__all__ if n not in apart and f'id="gatekit.{n}"' not in page]
    assert missing == []
    assert "::</p>" not in page  # the mark of reStructuredText, which Markdown shows
