"""Links of the site. Pages link like files in the repository, also to files outside docs/."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "AGENTS.md": "agents.md",
    "experiments/speed/history.md": "experiments/speed_history.md",
    **{
        str(path.relative_to(ROOT)): f"experiments/{path.parent.name}.md"
        for path in sorted((ROOT / "experiments").glob("*/README.md"))
    },
}
"""Files outside docs/ that are pages of the site, by their path in the repository."""

CELLS = {
    str(path.relative_to(ROOT)): f"zoo/{path.stem}.md"
    for path in sorted((ROOT / "conf/cell").glob("*.yaml"))
}
"""Cells, which have pages on the site only, by their path in the repository."""

SAME = {"README.md": "index.md"}
"""Files that have a page of their own under another name."""

CODE = re.compile(r"^(```+|~~~+).*?^\1$|`[^`\n]+`(?!\])", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the pages whose source is outside docs/, with their pictures."""
    for source, uri in OUTSIDE.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / source)))
        text = (ROOT / source).read_text(encoding="utf-8")
        for bang, _, target, _ in LINK.findall(text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
            if bang and (ROOT / path).is_file() and not path.startswith("docs/"):
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page with links that work on the site."""
    uri = page.file.src_uri
    source = next((s for s, u in OUTSIDE.items() if u == uri), f"docs/{uri}")
    return outside_code(markdown, lambda text: LINK.sub(lambda link: site_link(link, source), text))


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Apply a change to a page, except to its code."""
    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [change(markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(markdown[end:])])


def site_link(link: re.Match[str], source: str) -> str:
    """Return a link as the site needs it, or only its label if the site has no such page.

    Args:
        link: the link, as a match of `LINK`.
        source: the path in the repository of the file that contains it.
    """
    bang, text, target, anchor = link.groups()
    if not target or ":" in target:
        return link[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    uri = OUTSIDE.get(path) or SAME.get(path) or CELLS.get(path)
    if uri is None and path.startswith("docs/"):
        uri = path.removeprefix("docs/")
    if uri is None:
        if not bang:
            return text
        uri = path
    here = OUTSIDE.get(source, source.removeprefix("docs/"))
    there = posixpath.relpath(uri, posixpath.dirname(here) or ".")
    return f"{bang}[{text}]({there}{anchor or ''})"
