"""Every plugin of a page passes the whole conformance suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from seams import KINDS, loading

from gatekit.registry import origins
from gatekit.testing import checks

from .pages import blocks, pages
from .test_pages import written

WITHOUT_CHECKS = ("docs/howto/more.md",)  # a cell function, callbacks: the suite has none for them
PAGES = [
    page
    for page in pages()
    if page not in WITHOUT_CHECKS
    and any((block.file or "").startswith("plugins/") for block in blocks(page))
]


def test_every_kind_of_plugin_has_a_page() -> None:
    wanted = {f"docs/howto/{kind.replace('-', '_')}.md" for kind in KINDS}
    assert wanted <= set(PAGES)


@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize("page", PAGES)
def test_the_plugins_of_a_page_pass_every_check(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    stems = set()
    namespace: dict[str, Any] = {}
    for block in blocks(page):
        if (block.file or "").startswith("plugins/"):
            written(tmp_path, block)
            stems.add(Path(block.file or "").stem)
        elif "numpy.savez" in block.text:
            exec(compile(block.source, page, "exec"), namespace)
    loading._registry.cache_clear()
    tried = 0
    for kind in KINDS.values():
        for name, origin in origins(kind).items():
            if origin.plugin in stems:
                for check in checks(kind, name):
                    check()
                    tried += 1
    assert tried > 3
