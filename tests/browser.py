"""A browser that opens pages from disk, has no network, and forgets everything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return Chromium; without it, or without playwright, the tests that ask for it skip."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Open]:
    """Return a function that opens a file, and check that the page kept quiet and to itself."""
    contexts, said, asked = [], [], []

    def open_(path: Path, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append((request.url, path.as_uri())))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        # Charts are painted in the first frame after they know their width.
        if page.query_selector("svg.chart"):
            page.wait_for_selector("svg.chart > *", state="attached")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url, own in asked if url.split("#")[0] != own] == []
